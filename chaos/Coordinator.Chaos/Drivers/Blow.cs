using Coordinator.Chaos.Drivers.Fleets;

namespace Coordinator.Chaos.Drivers;

/// <summary>One fault that was done, and what it must be measured against.</summary>
/// <param name="Kind">Of which kind.</param>
/// <param name="StruckAt">When.</param>
/// <param name="Open">What nobody knew the outcome of at that moment, or was begun while nobody could do anything.</param>
internal sealed record Blow(string Kind, TimeSpan StruckAt, IReadOnlyList<ToldTransaction> Open)
{
    /// <summary>The host that can't serve any more, if it was one.</summary>
    public VictimHost? Victim { get; init; }

    /// <summary>It was done to somebody whom nobody needs: how fast that is got over is no measure of anything.</summary>
    public bool SparesOwner { get; init; }

    /// <summary>When the server took connections again, if it was the server.</summary>
    public TimeSpan? UpAgainAt { get; init; }
}

/// <summary>How long it took to get over a blow.</summary>
/// <param name="Blow">The blow.</param>
/// <param name="ServedAt">When a transaction that was begun after it had committed.</param>
/// <param name="DecidedAt">When everything that was open was known to its client; null if it never was.</param>
internal sealed record Recovery(Blow Blow, TimeSpan? ServedAt, TimeSpan? DecidedAt)
{
    /// <summary>Counted from the blow.</summary>
    public TimeSpan Served => Since(ServedAt, Blow.StruckAt);

    /// <inheritdoc cref="Served"/>
    public TimeSpan Decided => Since(DecidedAt, Blow.StruckAt);

    /// <summary>Counted from when the server was there again, if it was gone: until then nobody could do anything.</summary>
    public TimeSpan ServedOnceUp => Since(ServedAt, Blow.UpAgainAt ?? Blow.StruckAt);

    /// <inheritdoc cref="ServedOnceUp"/>
    public TimeSpan DecidedOnceUp => Since(DecidedAt, Blow.UpAgainAt ?? Blow.StruckAt);

    private static TimeSpan Since(TimeSpan? end, TimeSpan start) =>
        end is { } known ? known > start ? known - start : TimeSpan.Zero : TimeSpan.MaxValue;
}
