using Coordinator.Log;
using Coordinator.Protocol.Ownership;
using Coordinator.Testing.Simulation;

namespace Coordinator.Simulation;

/// <summary>What landed in one shard.</summary>
internal sealed class ShardLedger
{
    /// <summary>All its rows.</summary>
    public List<LogRow> Rows { get; } = [];

    /// <summary>Every ShardOwned row, who wrote it and when it landed.</summary>
    public List<(LogRow Row, SimulatedProcess Process, TimeSpan At)> Claims { get; } = [];

    /// <summary>Of the last ShardOwned row; 0 if there is none.</summary>
    public long OwnerEpoch => Claims.Count == 0 ? 0 : Claims[^1].Row.Version;

    /// <summary>Who wrote it.</summary>
    public SimulatedProcess? Owner => Claims.Count == 0 ? null : Claims[^1].Process;

    /// <summary>Its owner has written its last row.</summary>
    public bool IsReleased => Rows is [.., { Kind: RowKind.ShardReleased }];

    /// <summary>What the last checkpoint that landed says may be forgotten; null if nothing.</summary>
    public ForgetMark? Horizon => Rows.FindLast(row => row.Kind is RowKind.ShardCheckpoint) is { } last ? ShardCheckpoint.Decode(last).Forgetting.Horizon : null;
}
