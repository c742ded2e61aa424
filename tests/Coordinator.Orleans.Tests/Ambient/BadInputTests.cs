using Coordinator.Orleans.Ambient;
using Coordinator.Orleans.Facets;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Orleans.Tests;

/// <summary>
/// What goes wrong in an application: each is told by an exception of its own type that says what to change, and nothing of it is in the log. (Grain classes
/// that could not work stop the silo: GrainClassValidatorTests.)
/// </summary>
public sealed class BadInputTests(OneSilo silo) : IClassFixture<OneSilo>
{
    private ITransactions Transactions => silo.Cluster.Of<ITransactions>();

    private IGrainFactory Grains => silo.Cluster.Of<IGrainFactory>();

    [Fact]
    public Task A_call_outside_of_a_transaction_says_how_to_make_it_inside() => NoRowsAsync(async () =>
    {
        foreach (var account in new[] { Account(), silo.Cluster.Grains.GetGrain<IAccount>(NewKey()) }) // from the silo and from a client
        {
            var required = await Assert.ThrowsAsync<TransactionRequiredException>(() => account.Add(1));
            Assert.Equal(StreamOf(account), required.State);
            Assert.Contains(nameof(ITransactions.RunAsync), required.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<TransactionRequiredException>(() => account.Read());
        }
    });

    [Fact]
    public async Task A_finished_transaction_takes_no_work()
    {
        var (ann, bob) = (Account(), Account());
        foreach (var commits in new[] { true, false })
        {
            WireHeader? header = null;
            await Transactions.RunAsync(async transaction =>
            {
                header = CallScope.Current!.Header;
                await ann.Add(1);
                if (!commits)
                {
                    await transaction.AbortAsync();
                }
            });
            await NoRowsAsync(() => RefusesAsync<TransactionNotActiveException>(header!, bob, "before CommitAsync"));
        }
    }

    [Fact]
    public Task A_forged_transaction_takes_no_work() => NoRowsAsync(async () =>
    {
        WireHeader? header = null;
        await Transactions.RunAsync(_ =>
        {
            header = CallScope.Current!.Header;
            return Task.CompletedTask;
        });
        var id = header!.Id;
        var account = Account();
        await RefusesAsync<TransactionRefusedException>(Forged(header, new TransactionId(new LogIdentity(id.Log.LogId ^ 1, id.Log.Generation), id.Shard, id.Epoch, id.ClaimBits, id.Sequence)), account, "another log");
        await RefusesAsync<TransactionNotActiveException>(Forged(header, new TransactionId(id.Log, id.Shard, id.Epoch, id.ClaimBits, id.Sequence + 1_000_000)), account, "has ended");
        await RefusesAsync<TransactionNotActiveException>(Forged(header, new TransactionId(id.Log, id.Shard, id.Epoch, id.ClaimBits ^ 1, id.Sequence)), account, "has ended");
        await RefusesAsync<TransactionRefusedException>(Forged(header, default), account, "leave the request context entries");
        await RefusesAsync<TransactionRefusedException>(Forged(header, id, timeoutTicks: 0), account, "leave the request context entries");
        await RefusesAsync<TransactionRefusedException>(Forged(header, id, timeoutTicks: long.MaxValue), account, "leave the request context entries");
    });

    [Fact]
    public async Task A_foreign_entry_of_the_request_context_is_refused()
    {
        await using var cluster = await TestCluster.StartAsync(1, isClientForeign: true);
        await LogRows.NoneAsync(cluster, async () =>
        {
            RequestContext.Set("coordinator.transaction", "mine");
            var refused = await Assert.ThrowsAsync<TransactionRefusedException>(() => cluster.Grains.GetGrain<IAccount>("a").Add(1));
            Assert.Contains("leave that entry alone", refused.Message, StringComparison.Ordinal);
            RequestContext.Clear();
        });
    }

    [Fact]
    public Task Work_inside_a_transaction_can_not_commit_it() => NoRowsAsync(async () =>
    {
        var (ann, bob) = (Account(), Account());
        var outcome = await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => Grains.GetGrain<IJoining>(0).Commit(bob.GetPrimaryKeyString()));
            Assert.Contains("let the delegate end", refused.Message, StringComparison.Ordinal);
        });
        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
    });

    [Fact]
    public async Task A_call_that_comes_after_the_end_of_the_work_is_refused()
    {
        var (ann, bob) = (Account(), Account());
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task? late = null;
        Assert.True((await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            late = LateAsync();
        })).IsCommitted);

        await NoRowsAsync(async () =>
        {
            ended.SetResult();
            var refused = await Assert.ThrowsAsync<TransactionRefusedException>(() => late!);
            Assert.Contains("TransactionFlow.Suppress()", refused.Message, StringComparison.Ordinal);
        });

        async Task LateAsync()
        {
            await ended.Task;
            await bob.Add(1);
        }
    }

    [Fact]
    public async Task Nobody_is_let_in_once_the_commit_was_asked_for()
    {
        var bob = Account();
        var transaction = Transactions.Begin();
        var header = WireHeader.Of(((Client.TransactionWork)transaction).Header);
        Assert.True((await transaction.CommitAsync()).IsCommitted);
        await NoRowsAsync(() => RefusesAsync<TransactionNotActiveException>(header, bob, "before CommitAsync"));
    }

    [Fact]
    public Task A_call_that_times_out_ends_its_transaction() => NoRowsAsync(async () =>
    {
        var slow = Grains.GetGrain<ISlow>(NewKey());
        await Assert.ThrowsAsync<TimeoutException>(() => Transactions.RunAsync(_ => slow.Add(1)));
        var outcome = await Transactions.RunAsync(_ => Assert.ThrowsAsync<TimeoutException>(() => slow.Add(1))); // as careless as can be
        Assert.Equal(AbortReason.WorkFailed, Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause.Reason);
        await slow.Free();
    });

    [Fact]
    public async Task Keys_of_grains_may_be_odd_and_stay_different()
    {
        string[] keys = ["a b", "a%20b", "a+b", "ä/ö", "a/b", "a.b", "\u0001", "'; --", "\U0001F600", new string('k', 150)];
        Assert.True((await Transactions.RunAsync(_ => Task.WhenAll(keys.Select((key, index) => Grains.GetGrain<IAccount>(key).Add(index + 1))))).IsCommitted);
        for (var index = 0; index < keys.Length; index++)
        {
            Assert.Equal(index + 1, await silo.Cluster.ReadAsync(Grains.GetGrain<IAccount>(keys[index])));
        }
    }

    [Fact]
    public Task A_key_that_makes_no_stream_is_told() => NoRowsAsync(async () =>
    {
        foreach (var key in new[] { new string('k', 300), new string('ä', 50) })
        {
            var error = await Assert.ThrowsAsync<InvalidOperationException>(() => Transactions.RunAsync(_ => Grains.GetGrain<IAccount>(key).Add(1))); // Orleans: no such grain could be made
            Assert.Contains("Use shorter keys", Assert.IsType<ArgumentException>(error.GetBaseException()).Message, StringComparison.Ordinal);
        }
    });

    [Theory]
    [InlineData(Promise.Task)]
    [InlineData(Promise.TaskOf)]
    [InlineData(Promise.ValueTask)]
    [InlineData(Promise.ValueTaskOf)]
    public Task An_update_that_would_go_on_after_it_was_recorded_is_refused(Promise promise) => NoRowsAsync(async () =>
    {
        var hasty = Grains.GetGrain<IHasty>(NewKey());
        var error = await Assert.ThrowsAsync<ArgumentException>(() => Transactions.RunAsync(_ => hasty.AddAfterwards(1, promise)));
        Assert.Contains($"returns a {promise.ToString().Replace("Of", string.Empty, StringComparison.Ordinal)}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("Await before UpdateAsync", error.Message, StringComparison.Ordinal);
    });

    [Fact]
    public async Task What_an_update_was_given_is_not_what_is_kept()
    {
        var hasty = Grains.GetGrain<IHasty>(NewKey());
        Assert.True((await Transactions.RunAsync(_ => hasty.AddTwice(1))).IsCommitted);
        var read = 0L;
        Assert.True((await Transactions.RunAsync(async _ => read = await hasty.Read())).IsCommitted);
        Assert.Equal(1, read);
    }

    [Fact]
    public async Task A_one_way_call_is_no_part_of_a_transaction()
    {
        var (ann, bob) = (Account(), Account());
        var calls = new Calls();
        var told = Grains.CreateObjectReference<ICalls>(calls);
        Assert.True((await Transactions.RunAsync(async _ =>
        {
            await ann.Add(1);
            await bob.AddOneWay(1, told);
        })).IsCommitted);

        Assert.Equal(nameof(TransactionRequiredException), await calls.Told.Task.OrFailAsync("word of the one-way call"));
        Assert.Equal((1, 0), (await silo.Cluster.ReadAsync(ann), await silo.Cluster.ReadAsync(bob)));
    }

    [Fact]
    public Task A_grain_that_is_deactivated_in_mid_transaction_has_lost_its_work() => NoRowsAsync(async () =>
    {
        var ann = Account();
        var once = new TransactionOptions { Reruns = Polly.ResiliencePipeline<TransactionOutcome>.Empty };
        var outcome = await Transactions.RunAsync(
            async _ =>
            {
                await ann.Add(1);
                await silo.Cluster.Orleans.DeactivateAsync(ann).OrFailAsync("end of the activation");
            },
            once);
        var cause = Assert.IsType<TransactionOutcome.Aborted>(outcome).Cause;
        Assert.Equal((AbortReason.Moved, StreamOf(ann)), (cause.Reason, cause.Participant!.Value.Address.Value));
    });

    private static WireHeader Forged(WireHeader header, TransactionId id, long? timeoutTicks = null) => new()
    {
        Id = id,
        Home = header.Home,
        AgeTicks = header.AgeTicks,
        AgeFirst = header.AgeFirst,
        TimeoutTicks = timeoutTicks ?? header.TimeoutTicks,
        IsOptimistic = false,
    };

    private static async Task RefusesAsync<T>(WireHeader header, IAccount account, string told)
        where T : TransactionException
    {
        var refused = await Assert.ThrowsAsync<T>(async () =>
        {
            CallScope.Enter(new CallScope(header, work: null));
            await account.Add(1);
        });
        Assert.Contains(told, refused.Message, StringComparison.Ordinal);
    }

    private static string NewKey() => Guid.CreateVersion7().ToString();

    private static string StreamOf(IAccount account) => FacetNames.StateStream(account.GetGrainId(), "balance").Value;

    private IAccount Account() => Grains.GetGrain<IAccount>(NewKey());

    private Task NoRowsAsync(Func<Task> act) => LogRows.NoneAsync(silo.Cluster, act);

    private sealed class Calls : ICalls
    {
        public TaskCompletionSource<string> Told { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Failed(string exception)
        {
            Told.TrySetResult(exception);
            return Task.CompletedTask;
        }
    }
}
