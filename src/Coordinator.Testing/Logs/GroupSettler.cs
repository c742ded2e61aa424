using Coordinator.Log;
using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Faults;

namespace Coordinator.Testing.Logs;

/// <summary>
/// The production <see cref="GroupProtocol"/> over a store, with no engine around it: it sends a group and fences and
/// confirms until it is known what became of it.
/// </summary>
internal static class GroupSettler
{
    private const int TriesMax = 12;

    /// <summary>Sends a group and settles it.</summary>
    /// <param name="log">The owner.</param>
    /// <param name="group">Its first shard row is at the shard's next version.</param>
    /// <param name="faults">Armed by the caller for the first send.</param>
    /// <param name="first">What is armed for the group: stalls need somebody who gives up.</param>
    /// <param name="second">Armed for the first fence.</param>
    public static async Task<GroupState> SendAsync(
        TestLog log, RowGroup group, IAppendFaults faults, AppendFault first, AppendFault second)
    {
        var own = group.Rows.Where(row => row.Stream == log.Shard).ToList();
        var state = GroupState.Send([.. group.Rows.Select(row => row.AppendId).Distinct()], own[0].Version, own.Count, log.NextAppendId());
        faults.Arm(first);
        var answer = await WriteAsync(log, group, faults, first).ConfigureAwait(false);
        Expect.Answer(first.HonestAnswer(), answer, $"a group under {first}");
        state = GroupProtocol.Advance(state, answer.Kind switch
        {
            GroupAnswerKind.Landed => GroupInput.Acknowledged,
            GroupAnswerKind.Unclear => GroupInput.Unclear,
            _ => GroupInput.RolledBack,
        });

        faults.Arm(second);
        for (var tries = 1; state.Phase is not GroupPhase.Settled; tries++)
        {
            Expect.True(tries <= TriesMax, $"{first} then {second} is settled within {TriesMax} empty rows");
            var empty = await log.EmptyRowAsync(state.EmptyRowVersion, state.FenceId).ConfigureAwait(false);
            var said = await WriteAsync(log, empty, faults, tries == 1 ? second : AppendFault.None).ConfigureAwait(false);
            state = await AdvanceAsync(log, state, said).ConfigureAwait(false);

            // Late commits land after the first fence was tried: on its key, or too late.
            faults.Release();
        }

        faults.Release();
        faults.Arm(AppendFault.None);
        return state;
    }

    /// <summary>Writes, and gives the write up if it stalls.</summary>
    public static async Task<GroupAnswer> WriteAsync(TestLog log, RowGroup group, IAppendFaults faults, AppendFault fault)
    {
        var writing = log.Store.AppendAsync(group).AsTask();
        if (fault.Stalls())
        {
            await Task.WhenAny(writing, faults.Stalled).ConfigureAwait(false);
            if (!writing.IsCompleted)
            {
                log.Store.AbandonAppend();
                faults.Release();
            }
        }

        return await writing.ConfigureAwait(false);
    }

    private static async Task<GroupState> AdvanceAsync(TestLog log, GroupState state, GroupAnswer answer)
    {
        if (answer.Kind is not GroupAnswerKind.CheckFailed)
        {
            return GroupProtocol.Advance(
                state, answer.Kind is GroupAnswerKind.Landed ? GroupInput.Acknowledged : GroupInput.Unclear);
        }

        var found = (await log.Store.InspectAsync([new RowKey(log.Shard, state.EmptyRowVersion)], CancellationToken.None)
            .ConfigureAwait(false))[0];
        return found.Exists
            ? GroupProtocol.Advance(state, GroupInput.RowInTheWay, new RowFound(found.AppendId, found.Kind is RowKind.ShardOwned))
            : GroupProtocol.Advance(state, GroupInput.Unclear); // it went away again: nothing is known
    }
}
