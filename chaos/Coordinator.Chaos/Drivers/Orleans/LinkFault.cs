namespace Coordinator.Chaos.Drivers.Orleans;

/// <summary>What befalls that which one silo sends to another. Links are one-way: a pair that is cut from each other has a fault on both.</summary>
internal abstract record LinkFault
{
    private LinkFault()
    {
    }

    /// <summary>Connections are reset, and new ones as well.</summary>
    public sealed record Cut : LinkFault;

    /// <summary>Half-open: what is sent is taken and lost. TCP can't go on behind a gap, so the connection is reset when the link heals.</summary>
    public sealed record Swallow : LinkFault;

    /// <summary>Nothing arrives while it lasts, and all of it afterwards: messages from long ago.</summary>
    public sealed record Hold : LinkFault;

    /// <summary>Everything arrives so much later, or up to twice as much.</summary>
    public sealed record Delay(TimeSpan Time) : LinkFault;

    /// <summary>No more arrives than that.</summary>
    public sealed record Slow(int BytesPerSecond) : LinkFault;
}
