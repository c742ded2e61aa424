using System.Globalization;
using System.Text.Json;
using Coordinator.Log;

namespace Coordinator.Chaos.Drivers.Judges;

/// <summary>Follows the rows of one shard: who may write which (I7, D-1, D-4).</summary>
internal sealed class ShardAudit
{
    private readonly Dictionary<long, long> _claims = [];
    private long _epoch;

    /// <summary>The last row that was taken; null before the first.</summary>
    public LogRow? Last { get; private set; }

    /// <summary>How often the shard was claimed.</summary>
    public int ClaimCount => _claims.Count;

    /// <summary>How often it was handed over and claimed right behind that.</summary>
    public int HandOverCount { get; private set; }

    public ShardAudit Fork()
    {
        var fork = new ShardAudit { _epoch = _epoch, Last = Last, HandOverCount = HandOverCount };
        foreach (var (epoch, claim) in _claims)
        {
            fork._claims.Add(epoch, claim);
        }

        return fork;
    }

    public void Take(LogRow row, List<string> faults)
    {
        if (row.Version != (Last?.Version ?? 0) + 1)
        {
            faults.Add($"{row.Stream} has a hole before version {row.Version}");
        }
        else if (RowTrust.FaultOf(row, Last) is { } fault)
        {
            faults.Add($"{row} can't be trusted: {fault}");
        }

        if (row.Kind is RowKind.ShardOwned ? row.Epoch != row.Version : row.Epoch != _epoch)
        {
            faults.Add($"{row} was written under epoch {row.Epoch} behind epoch {_epoch} (I7)");
        }

        if (row.Kind is RowKind.ShardOwned)
        {
            TakeClaim(row, faults);
        }
        else if (Last?.Kind is RowKind.ShardReleased)
        {
            faults.Add($"{row} was written by an owner that had handed over");
        }

        if (row.IsDecision && ((long)row.Transaction.Epoch != row.Epoch || (long)row.Transaction.ClaimBits != _claims.GetValueOrDefault(row.Epoch, -1)))
        {
            faults.Add($"{row} of epoch {row.Epoch} decides {row.Transaction}, which was not begun under that claim");
        }

        (Last, _epoch) = (row, row.Epoch);
    }

    private void TakeClaim(LogRow row, List<string> faults)
    {
        using var content = JsonDocument.Parse(row.Payload);
        var claim = long.Parse(content.RootElement.GetProperty("claim").GetString()!, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        if (_claims.ContainsValue(claim))
        {
            faults.Add($"{row} repeats claim {claim:x10}");
        }

        _claims[row.Version] = claim;
        HandOverCount += Last?.Kind is RowKind.ShardReleased ? 1 : 0;
    }
}
