using Coordinator.Orleans.Tests;
using Xunit.Runner.InProc.SystemConsole;

// With "silo", one silo that a test has started and may kill; otherwise the test runner.
return args is [SiloProcess.Command, ..] ? await SiloHost.ServeAsync(args[1..]) : await ConsoleRunner.Run(args);
