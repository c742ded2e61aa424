using System.Globalization;

namespace Bank;

/// <summary>The bank's command line.</summary>
public sealed class BankArguments
{
    public const string Usage = """
        Bank: transfers between accounts that are grains of an Orleans cluster.

          run     make transfers and check that no money was lost (the default)
          schema  print the tables that Orleans' AdoNet providers need
          help    show this

          --silos N           silos, each a process of its own (default 1)
          --kill              kill one of them, without warning, half-way (wants two or more)
          --transfers N       how many (default 20000)
          --accounts N        over how many accounts (default 1000)
          --postgres STRING   connection string of a PostgreSQL server: it keeps the log, the cluster's membership and the snapshots.
                              Several silos need it. One silo without it keeps all in memory.
        """;

    private static readonly string[] Commands = ["run", "schema", "silo", "help"];

    private BankArguments()
    {
    }

    public string Command { get; private set; } = "run";

    public int Silos { get; private set; } = 1;

    public bool Kill { get; private set; }

    public int Transfers { get; private set; } = 20_000;

    public int Accounts { get; private set; } = 1_000;

    public string? ConnectionString { get; private set; }

    /// <summary>Of a silo that the program starts itself.</summary>
    public int Port { get; private set; }

    /// <summary>Reads the command line; says what is wrong with it otherwise.</summary>
    public static BankArguments? Parse(string[] args, out string fault)
    {
        var parsed = new BankArguments();
        fault = string.Empty;
        for (var i = 0; i < args.Length; i++)
        {
            if (Commands.Contains(args[i]))
            {
                parsed.Command = args[i];
            }
            else if (args[i] == "--kill")
            {
                parsed.Kill = true;
            }
            else if (args[i] == "--postgres" && i + 1 < args.Length)
            {
                parsed.ConnectionString = args[++i];
            }
            else if (i + 1 >= args.Length || !parsed.TryNumber(args[i], args[i + 1]))
            {
                fault = $"'{args[i]}{(i + 1 < args.Length ? " " + args[i + 1] : string.Empty)}' is no option.";
                return null;
            }
            else
            {
                i++;
            }
        }

        fault = parsed switch
        {
            { Silos: > 1, ConnectionString: null } => "Several silos share one log: say where with --postgres.",
            { Kill: true, Silos: 1 } => "--kill wants two silos or more.",
            _ => string.Empty,
        };
        return fault.Length == 0 ? parsed : null;
    }

    private bool TryNumber(string option, string text)
    {
        var isNumber = int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number > 0;
        switch (option)
        {
            case "--silos" when number <= 16:
                Silos = number;
                return isNumber;
            case "--transfers":
                Transfers = number;
                return isNumber;
            case "--accounts" when number >= 2:
                Accounts = number;
                return isNumber;
            case "--port":
                Port = number;
                return isNumber;
            default:
                return false;
        }
    }
}
