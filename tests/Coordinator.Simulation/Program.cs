using Coordinator.Simulation;
using Xunit.Runner.InProc.SystemConsole;

// With --seed, a command that runs seeds and shows what they do; otherwise the test runner, whose arguments begin with one dash.
return args.Any(argument => argument.StartsWith("--", StringComparison.Ordinal))
    ? SimulationCommand.Run(args, Console.Error)
    : await ConsoleRunner.Run(args);
