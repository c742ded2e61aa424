using Coordinator.Benchmarks;

// Each case prints one JSON line. Ratios count, not absolutes: compare lines of one run on one machine.
var arguments = new Arguments(args);
try
{
    var good = args.FirstOrDefault() switch
    {
#if ORLEANS
        "transfers" when arguments.Text("host", "embedded") == "orleans" => await Coordinator.Benchmarks.Orleans.OrleansTransfersCase.RunAsync(arguments),
        "silo" => await Coordinator.Benchmarks.Orleans.SiloProcess.ServeAsync(arguments),
#else
        "transfers" when arguments.Text("host", "embedded") == "orleans" => throw new UsageException("This was built without Orleans: the package feed lacked it."),
#endif
        "transfers" => await TransfersCase.RunAsync(arguments),
        "compare" => await CompareCase.RunAsync(arguments),
        "recovery" => await RecoveryCase.RunAsync(arguments),
        "load" => await LoadCase.RunAsync(arguments),
        "raw" => await RawCase.RunAsync(arguments),
        _ => throw new UsageException("Say which case: transfers, compare, recovery, load or raw."),
    };
    return good ? 0 : 1;
}
catch (UsageException error)
{
    Console.Error.WriteLine(error.Message);
    Console.Error.WriteLine("transfers --store memory|sqlite|postgres --accounts N --concurrency C --seconds S [--mode pessimistic|optimistic] [--read-third: it also reads a third account] [--any-order: locks are not taken in one order] [--snapshots N: every N events] [--telemetry off|metrics|on|all, default off] [--warmup S, default 5: the JIT is busy until then]");
    Console.Error.WriteLine("transfers --host orleans --silos N --store memory|postgres --accounts N --concurrency C --seconds S [--in-order: locks are taken one after the other in one order; else both grains are called at once] [--warmup S]");
    Console.Error.WriteLine("compare   --store memory|sqlite|postgres --ways W,W... [--accounts N] --concurrency C --rounds N --milliseconds M (each window); a way is one of transfers, read-third, hot, hot-any-order, optimistic, hot-optimistic, metrics, on, all, and the first is what the others are compared with");
    Console.Error.WriteLine("recovery  --store memory|sqlite|postgres --decided N --runs N");
    Console.Error.WriteLine("load      --store memory|sqlite|postgres [--small N, default 100] [--large N, default 100000] [--every N, default 100] [--runs N, default 60]");
    Console.Error.WriteLine("raw       --store memory|sqlite|postgres --concurrency C (postgres: connections) --seconds S [--warmup S, default 5: the JIT is busy until then]");
    return 2;
}
