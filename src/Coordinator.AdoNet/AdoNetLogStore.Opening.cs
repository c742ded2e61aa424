using Coordinator.Log;

namespace Coordinator.AdoNet;

/// <content>The meta row.</content>
internal sealed partial class AdoNetLogStore
{
    private async ValueTask<OpenedLog?> ReadMetaAsync(string identity, CancellationToken cancellation)
    {
        var rows = await QueryAsync(_dialect.ReadLastRowStatement, LogStreams.Meta, cancellation).ConfigureAwait(false);
        if (rows.Count == 0)
        {
            return null;
        }

        var row = rows[^1];
        return RowTrust.FaultOf(row, null) is { } fault
            ? throw new LogCorruptException(LogStreams.Meta, row.Version, fault)
            : MetaRow.Read(row, identity, Description);
    }

    private async ValueTask<OpenedLog> CreateMetaAsync(LogMeta proposed, string identity, CancellationToken cancellation)
    {
        var row = MetaRow.Create(proposed, identity, version: 1, _time.GetUtcNow());
        var answer = await AppendAsync(new RowGroup([row], [new(LogStreams.Meta, 0, 0, default, false)])).ConfigureAwait(false);
        if (answer.Kind is GroupAnswerKind.Landed)
        {
            return new OpenedLog(proposed, identity, identity);
        }

        // Somebody else was first, or nobody knows: whatever can be read now may still be undone only if it was unclear.
        return answer.Kind is GroupAnswerKind.CheckFailed && await ReadMetaAsync(identity, cancellation).ConfigureAwait(false) is { } meta
            ? meta
            : throw new LogStoreException($"The log's first row could not be written to {Description}. Open it again.", answer.Error!);
    }
}
