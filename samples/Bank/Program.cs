using Bank;
using Bank.Silos;

var arguments = BankArguments.Parse(args, out var fault);
if (arguments is null)
{
    Console.Error.WriteLine(fault);
    Console.Error.WriteLine(BankArguments.Usage);
    return 2;
}

switch (arguments.Command)
{
    case "help":
        Console.WriteLine(BankArguments.Usage);
        return 0;
    case "schema":
        Console.WriteLine(OrleansSchema.Script);
        return 0;
    case "silo":
        await SiloProcess.ServeAsync(arguments);
        return 0;
    default:
        return await BankRun.RunAsync(arguments) ? 0 : 1;
}
