namespace Coordinator.Chaos.Drivers.Network;

/// <summary>What befalls that which one side sends to another. Links are one-way: a pair that is cut from each other has a fault on both.</summary>
internal abstract record LinkFault
{
    private LinkFault()
    {
    }

    /// <summary>Connections are reset, and new ones as well.</summary>
    public sealed record Cut : LinkFault;

    /// <summary>Half of the next message is sent on, and its connection is reset (N05); then the link has no fault any more.</summary>
    public sealed record CutInMessage : LinkFault;

    /// <summary>Half-open (N06): what is sent is taken and lost. TCP can't go on behind a gap, so a connection that has lost something is reset when the link heals.</summary>
    public sealed record Swallow : LinkFault;

    /// <summary>Nothing arrives while it lasts, and all of it afterwards: messages from long ago.</summary>
    public sealed record Hold : LinkFault;

    /// <summary>Everything arrives so much later, or up to twice as much.</summary>
    public sealed record Delay(TimeSpan Time) : LinkFault;

    /// <summary>Of each connection no more arrives than that (N12).</summary>
    public sealed record Narrow(int BytesPerSecond) : LinkFault;
}
