using System.Collections.Immutable;
using Coordinator.Protocol.Commit;

namespace Coordinator.Protocol.Tests.Model;

internal enum LogEventKind : byte
{
    LastResourceCommitting,
    CommitDecided,
    AbortDecided,
    TransactionEnded,
    Horizon,
}

/// <summary>What a shard row of the model says: a commit event, or a horizon that an owner moved.</summary>
internal sealed class LogEvent
{
    public required LogEventKind Kind { get; init; }

    /// <summary>Index of the transaction; -1 for a horizon.</summary>
    public required int Transaction { get; init; }

    /// <summary>Of a horizon: transactions of epochs below this one are forgotten.</summary>
    public int HorizonEpoch { get; init; }

    /// <summary>Null for a horizon.</summary>
    public CommitEvent? Event { get; init; }

    public TransactionId Id { get; init; }

    public RedoMode Mode { get; init; }

    public ImmutableArray<Redo> Redo { get; init; } = [];

    /// <summary>Of each redo: the number of its stream.</summary>
    public int[] Streams { get; init; } = [];

    /// <summary>A refusal of this event can be carried out by its transaction; anything else is sent again.</summary>
    public bool MayBeRefused => Kind is LogEventKind.LastResourceCommitting || Event is CommitEvent.CommitDecided { AfterLastResource: false };

    public override string ToString() => Kind is LogEventKind.Horizon ? $"Horizon(epoch {HorizonEpoch})" : $"{Kind}(T{Transaction + 1}{(Mode is RedoMode.None ? string.Empty : ", " + Mode)})";
}
