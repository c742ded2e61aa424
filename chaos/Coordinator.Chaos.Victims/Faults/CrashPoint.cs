using System.Globalization;
using Coordinator.Log;
using Coordinator.Shards;
using Microsoft.Extensions.DependencyInjection;

namespace Coordinator.Chaos.Victims.Faults;

/// <summary>
/// A named point of the commit path at which a victim kills or stops itself: the n-th time it gets there. The numbers are those
/// of the fault catalogue.
/// </summary>
internal sealed class CrashPoint
{
    private Trap? _trap;

    private sealed class Trap(string name, int occurrence, int signal)
    {
        private int _left = occurrence;

        public int Signal => signal;

        public bool Springs(string point) => point == name && Interlocked.Decrement(ref _left) == 0;
    }

    /// <summary>Every point, with what is true there.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "claim.before", // C01: nothing of this owner exists
        "claim.after", // C30: recovery dies right behind its own claim
        "enlist.before", // C03: a participant has registered and the coordinator does not know it
        "enlist.after", // C04
        "prepare.before", // C05: commit was asked for, no Prepare is out
        "prepare.after", // C06: k of n Prepares are out
        "vote.before", // C07: prepared, the vote is lost
        "vote.after", // C08: k votes are in
        "append.before", // C09, C10: the decision is issued and not durable
        "append.after", // C11, L02: durable, and nobody knows
        "decision.before", // C14, C15: known to the coordinator, told to nobody
        "decision.after", // C16: k of n participants know
    ];

    public static CrashPoint? Parse(string text)
    {
        var parts = text.Split(':');
        return parts.Length == 2 && Names.Contains(parts[0], StringComparer.Ordinal) && int.TryParse(parts[1], CultureInfo.InvariantCulture, out var occurrence)
            ? Armed(parts[0], occurrence)
            : null;
    }

    /// <summary>Puts the point around the log store that was chosen, and around the transport.</summary>
    public void AddTo(IServiceCollection services)
    {
        var store = services.Single(service => service.ServiceType == typeof(ILogStore));
        services.Remove(store);
        services.AddSingleton<ILogStore>(provider => new CrashingStore((ILogStore)store.ImplementationFactory!(provider), this));
        services.AddSingleton<Func<ITransport, ITransport>>(inner => new CrashingTransport(inner, this));
    }

    /// <summary>Sets the point and its occurrence, counted from now; null for none. Takes the place of what was set before.</summary>
    public void Arm(string? name, int occurrence, int signal) =>
        Volatile.Write(ref _trap, name is null ? null : new Trap(name, occurrence, signal));

    /// <summary>Dies or stops here if this is the point and its time has come: by a signal, so that nothing of the process can tidy up.</summary>
    public void Reach(string point)
    {
        if (Volatile.Read(ref _trap) is { } trap && trap.Springs(point))
        {
            Signals.Send(Environment.ProcessId, trap.Signal);
            if (trap.Signal == Signals.Kill)
            {
                Thread.Sleep(Timeout.Infinite); // the signal is on its way; this thread does nothing more
            }
        }
    }

    private static CrashPoint Armed(string name, int occurrence)
    {
        var point = new CrashPoint();
        point.Arm(name, occurrence, Signals.Kill);
        return point;
    }
}
