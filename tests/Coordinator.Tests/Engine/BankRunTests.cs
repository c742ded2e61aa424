using System.Globalization;
using Coordinator.Log;
using Coordinator.Testing.Faults;
using Xunit;

namespace Coordinator.Tests;

/// <summary>
/// Transfers at random between eight accounts, with faults of the store and of messages and another owner in the middle, all
/// drawn from a seed. Then the faults end, and everything must be told and come to rest (I1, I6, I18, V2, V3).
/// </summary>
public sealed class BankRunTests(ITestOutputHelper output)
{
    private const int Accounts = 8;
    private const int Opening = 100;
    private const int Workers = 8;
    private const int TransfersOfWorker = 25;

    public static TheoryData<int> Seeds => Environment.GetEnvironmentVariable("COORDINATOR_SEED") is { Length: > 0 } seed
        ? [int.Parse(seed, CultureInfo.InvariantCulture)]
        : [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Money_is_neither_made_nor_lost_and_nobody_is_lied_to(int seed)
    {
        var run = new BankRun(seed);
        output.WriteLine($"{run}. Again: COORDINATOR_SEED={seed} dotnet tests/Coordinator.Tests/bin/Release/net10.0/Coordinator.Tests.dll -class {typeof(BankRunTests).FullName}");
        TestLoop.Run(run.InOrder ? null : new Random(seed), run.RunAsync);
        output.WriteLine(run.Summary);
    }

    private sealed class BankRun
    {
        private readonly int _seed;
        private readonly Random _random;
        private readonly double _storeFaults;
        private readonly double _messageFaults;
        private readonly bool _takeOver;
        private readonly List<(TransactionOutcome Outcome, int Rows)> _told = [];
        private readonly List<FaultyLogStore> _stores = [];
        private readonly List<TestEngine> _engines = [];
        private bool _healed;
        private int _audits;
        private int _begun;

        public BankRun(int seed)
        {
            _seed = seed;
            _random = new Random(seed);
            _storeFaults = _random.Next(3) * 0.1;
            _messageFaults = _random.Next(3) * 0.02;
            _takeOver = seed % 2 == 0;
            InOrder = _random.Next(4) == 0;
        }

        public bool InOrder { get; }

        public string Summary => $"{_told.Count(told => told.Outcome.IsCommitted)} of {_told.Count} committed, {_told.Count(told => told.Outcome is TransactionOutcome.Unknown)} unknown, {_audits} audits";

        private TestEngine Owner => _engines[^1];

        public override string ToString() =>
            $"seed {_seed}: store faults {_storeFaults}, message faults {_messageFaults}, take-over {_takeOver}, in order {InOrder}";

        public async Task RunAsync(TestLoop loop)
        {
            await StartAsync(loop);
            while (!(await Owner.Transactions.RunAsync(OpenAsync)).IsCommitted)
            {
            }

            await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => WorkAsync(loop)));
            _healed = true;
            _stores.ForEach(store => store.Release());
            await loop.AdvanceAsync(TimeSpan.FromSeconds(70)); // the longest wait there is: two transaction times
            await CheckAsync(loop);
        }

        private static async Task OpenAsync(ITransaction transaction)
        {
            for (var account = 0; account < Accounts; account++)
            {
                await transaction.DepositAsync($"{account}", Opening);
            }
        }

        private async Task StartAsync(TestLoop loop)
        {
            var transport = new TestTransport(loop) { Fate = FateOf };
            var faults = FaultyLogStore.Seeded(_seed + _engines.Count, _storeFaults);
            var engine = TestEngine.Create(
                loop,
                _engines.FirstOrDefault()?.Rows,
                inner =>
                {
                    // A refused row is no fault of the moment: a claim that is refused stops the start, rightly.
                    _stores.Add(new FaultyLogStore(inner, () => !_healed && faults() is var fault and not AppendFault.Refused ? fault : AppendFault.None));
                    return _stores[^1];
                },
                transport.Over,
                seed: (ulong)(_seed * 10 + _engines.Count));
            await engine.Engine.StartAsync(CancellationToken.None);
            _engines.Add(engine);
        }

        private Fate FateOf(object message)
        {
            if (_healed || _random.NextDouble() >= _messageFaults)
            {
                return Fate.Arrives;
            }

            return _random.Next(3) switch
            {
                0 => Fate.Lost,
                1 => new Fate(2, TimeSpan.FromMilliseconds(_random.Next(500))),
                _ => new Fate(1, TimeSpan.FromMilliseconds(_random.Next(4_000))),
            };
        }

        private async Task WorkAsync(TestLoop loop)
        {
            for (var i = 0; i < TransfersOfWorker; i++)
            {
                if (++_begun == Workers * TransfersOfWorker / 2 && _takeOver)
                {
                    await StartAsync(loop);
                }

                // Not everyone has heard of the new owner: those who work on at the old one must not be lied to either.
                var engine = _random.Next(4) == 0 ? _engines[0] : Owner;
                try
                {
                    await (_random.Next(6) == 0 ? AuditAsync(engine, loop) : TransferAsync(engine, loop));
                }
                catch (TransactionRefusedException refused) when (refused.Message.Contains("Another process owns", StringComparison.Ordinal))
                {
                    Assert.NotSame(Owner, engine);
                }
                catch (TransactionNotActiveException)
                {
                    // an audit of which a participant gave up, as below
                }

                if (_random.Next(10) == 0)
                {
                    _stores.ForEach(store => store.Release()); // late commits land now, if their checks still hold
                }
            }
        }

        private async Task TransferAsync(TestEngine engine, TestLoop loop)
        {
            var from = _random.Next(Accounts);
            var to = (from + 1 + _random.Next(Accounts - 1)) % Accounts;
            (from, to) = _random.Next(3) == 0 ? (from, to) : (Math.Min(from, to), Math.Max(from, to));
            var (amount, notes, gives) = (_random.Next(1, 20), _random.Next(3) == 0, _random.Next(20) == 0);
            await using var transaction = engine.Transactions.Begin();
            try
            {
                if (_random.Next(3) == 0)
                {
                    await transaction.BalanceAsync($"{from}");
                }

                (await transaction.UpdateAsync<Account>($"{from}")).Raise(new Withdrawn(amount));
                await loop.YieldAsync();
                (await transaction.UpdateAsync<Account>($"{to}")).Raise(new Deposited(amount));
                if (notes)
                {
                    await transaction.PublishAsync("transfers", new Noted($"{from} to {to}"));
                }

                _told.Add((gives ? await transaction.AbortAsync() : await transaction.CommitAsync(), notes ? 3 : 2));
            }
            catch (Exception error) when (error is TransactionAbortedException or TransactionNotActiveException)
            {
                // Not active yet not told aborted: a participant gave up and its No is lost. The deadline ends it.
                _told.Add((await transaction.AbortAsync(), notes ? 3 : 2));
            }
        }

        private async Task AuditAsync(TestEngine engine, TestLoop loop)
        {
            var sum = 0L;
            var outcome = await engine.Transactions.RunAsync(async transaction =>
            {
                for (var account = 0; account < Accounts; account++)
                {
                    sum += await transaction.BalanceAsync($"{account}");
                    await loop.YieldAsync();
                }
            });
            if (outcome.IsCommitted)
            {
                _audits++;
                Assert.Equal(Accounts * Opening, sum);
            }
        }

        private async Task CheckAsync(TestLoop loop)
        {
            _engines.ForEach(engine => engine.AssertQuiet());
            _engines.ForEach(engine => engine.AssertNoViolation());
            var rows = new List<LogRow>(await Owner.RowsOfAsync("transfers"));
            var balances = new List<long>();
            for (var account = 0; account < Accounts; account++)
            {
                var stream = await Owner.RowsOfAsync($"account/{account}");
                rows.AddRange(stream);
                balances.Add(stream.Aggregate(Account.Initial, (state, row) => state.Apply(TestEngine.EventTypes().TryDeserialize(row.Type, row.TypeVersion, row.Payload.Span)!)).Balance);
            }

            Assert.Equal(Accounts * Opening, balances.Sum());
            await CheckToldAsync(rows);
            var heir = await TestEngine.StartAsync(loop, Owner.Rows, seed: 7777);
            Assert.Equal(0, heir.Engine.RecoveredOpenCount);
            for (var account = 0; account < Accounts; account++)
            {
                Assert.Equal(balances[account], await heir.Transactions.BalanceAsync($"{account}"));
            }

            Assert.True(_told.Count(told => told.Outcome.IsCommitted) >= Workers * TransfersOfWorker / 10, "vacuous: " + Summary);
        }

        private async Task CheckToldAsync(List<LogRow> rows)
        {
            var rowsOf = rows.GroupBy(row => row.Transaction).ToDictionary(group => group.Key, group => group.Count());
            foreach (var (outcome, count) in _told)
            {
                var committed = await Owner.IsCommittedInLogAsync(outcome.Id);
                Assert.True(outcome is TransactionOutcome.Unknown || outcome.IsCommitted == committed, $"told {outcome}, the log says committed: {committed}");
                Assert.Equal(committed ? count : 0, rowsOf.GetValueOrDefault(outcome.Id)); // I11: once, and all of it
                Assert.Equal(committed, (await Owner.Transactions.OutcomeOfAsync(outcome.Id)).IsCommitted);
            }
        }
    }
}
