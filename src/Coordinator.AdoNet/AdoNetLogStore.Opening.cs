using Coordinator.Log;

namespace Coordinator.AdoNet;

/// <content>The meta row.</content>
internal sealed partial class AdoNetLogStore
{
    private async ValueTask<LogMeta?> ReadMetaAsync(CancellationToken cancellation)
    {
        var rows = await QueryAsync(_dialect.ReadLastRowStatement, LogStreams.Meta, cancellation).ConfigureAwait(false);
        if (rows.Count == 0)
        {
            return null;
        }

        var row = rows[^1];
        return RowTrust.FaultOf(row, null) is { } fault
            ? throw new LogCorruptException(LogStreams.Meta, row.Version, fault)
            : MetaRow.Read(row, Description);
    }

    private async ValueTask<LogMeta> CreateMetaAsync(LogMeta proposed, CancellationToken cancellation)
    {
        var row = MetaRow.Create(proposed, _time.GetUtcNow());
        var answer = await AppendAsync(new RowGroup([row], [new(LogStreams.Meta, 0, 0, default, false)])).ConfigureAwait(false);
        if (answer.Kind is GroupAnswerKind.Landed)
        {
            return proposed;
        }

        // Somebody else was first, or nobody knows: whatever can be read now may still be undone only if it was unclear.
        return answer.Kind is GroupAnswerKind.CheckFailed && await ReadMetaAsync(cancellation).ConfigureAwait(false) is { } meta
            ? meta
            : throw new LogStoreException($"The log's first row could not be written to {Description}. Open it again.", answer.Error!);
    }
}
