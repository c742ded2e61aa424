using Coordinator.Protocol.Commit;
using Xunit;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>What a checkpoint holds makes the same of the shard as all of its rows.</summary>
public sealed class OpenTransactionsTests
{
    private static readonly Branch s_external = new(new ParticipantId(new StreamName("warehouse")), new Incarnation(3));
    private static readonly Branch s_resource = new(new ParticipantId(new StreamName("orders-db")), new Incarnation(4));

    [Fact]
    public void A_replay_of_what_is_open_equals_a_replay_of_all_rows_wherever_it_is_cut()
    {
        var rows = Rows().ToList();
        for (var cut = 0; cut <= rows.Count; cut++)
        {
            var whole = new OpenTransactions();
            rows.ForEach(whole.Apply);
            var before = new OpenTransactions();
            rows.Take(cut).ToList().ForEach(before.Apply);
            var resumed = new OpenTransactions();
            before.Events.ToList().ForEach(resumed.Apply);
            rows.Skip(cut).ToList().ForEach(resumed.Apply);

            Assert.Equal(Text(whole), Text(resumed));
        }
    }

    [Fact]
    public void Only_what_somebody_still_has_to_hear_of_is_open()
    {
        var open = new OpenTransactions();
        foreach (var row in Rows())
        {
            open.Apply(row);
        }

        Assert.Equal([2UL, 4UL, 6UL], open.States.Select(state => state.Id.Sequence));
        Assert.Equal(open.Events.Count(), open.EventCount);
    }

    private static string Text(OpenTransactions open) => string.Join('\n', open.States.Select(state =>
        $"{state.Id} {state.Phase} {state.LastResourceRecorded} {state.AbortRecorded} {string.Join(',', state.Participants)}"));

    private static IEnumerable<CommitEvent> Rows()
    {
        yield return new CommitEvent.CommitDecided(Id(1), [], [], false); // log-native only: over at once
        yield return new CommitEvent.CommitDecided(Id(2), [s_external], [], false);
        yield return new CommitEvent.CommitDecided(Id(3), [s_external], [], false);
        yield return new CommitEvent.LastResourceCommitting(Id(4), [s_external], s_resource, []);
        yield return new CommitEvent.TransactionEnded(Id(3));
        yield return new CommitEvent.LastResourceCommitting(Id(5), [], s_resource, []);
        yield return new CommitEvent.CommitDecided(Id(5), [], [], true);
        yield return new CommitEvent.AbortDecided(Id(6), [s_external], [], false, new AbortCause(AbortReason.Timeout));
        yield return new CommitEvent.TransactionEnded(Id(7)); // its decision stands in a row that can't be read
    }

    private static TransactionId Id(ulong sequence) => new(new LogIdentity(1, 1), 0, 1, 9, sequence);
}
