using System.Collections.Concurrent;
using Coordinator.Hosting;
using Coordinator.Orleans.Wire;
using Microsoft.Extensions.Logging;

namespace Coordinator.Orleans.Links;

/// <summary>
/// Carries the engine's messages to the engines of other silos. What is sent while a batch waits for its turn goes with it, so that under load
/// one message of Orleans carries many of ours.
/// </summary>
/// <param name="local">This silo.</param>
/// <param name="membership">Which silos there are.</param>
/// <param name="sender">Sends a batch.</param>
/// <param name="dispatcher">Where batches are sent from: whoever posts a message may hold the lock of a shard.</param>
/// <param name="logger">Told when a batch can't be sent.</param>
internal sealed class SiloLink(
    SiloAddress local, IClusterMembershipService membership, IBatchSender sender, IDispatcher dispatcher, ILogger logger) : IHostLink
{
    private readonly ConcurrentDictionary<ulong, SiloOutbox> _outboxes = new();
    private MembershipVersion _seen = MembershipVersion.MinValue;

    /// <inheritdoc/>
    public ulong Host { get; } = SiloHosts.HostOf(local);

    /// <summary>This silo.</summary>
    public SiloAddress Local => local;

    /// <summary>The silo that is this host; null if there is none, or none any more.</summary>
    public SiloAddress? AddressOf(ulong host) => host == Host ? local : Find(host)?.Silo;

    /// <inheritdoc/>
    public void Send(ulong host, in HostMessage message) => Find(host)?.Post(WireMapping.ToWire(message));

    /// <summary>The silo is there, whatever the membership here has heard of yet. Says which host it is.</summary>
    public ulong Learn(SiloAddress silo)
    {
        var host = SiloHosts.HostOf(silo);
        if (!_outboxes.ContainsKey(host) && !IsDead(silo))
        {
            Add(host, silo);
        }

        return host;
    }

    private SiloOutbox? Find(ulong host)
    {
        Refresh();
        return _outboxes.GetValueOrDefault(host);
    }

    /// <summary>Follows the membership when it has changed: new silos can be sent to, dead ones are no longer.</summary>
    private void Refresh()
    {
        var snapshot = membership.CurrentSnapshot;
        if (snapshot.Version == _seen)
        {
            return;
        }

        foreach (var (silo, member) in snapshot.Members)
        {
            var host = SiloHosts.HostOf(silo);
            if (member.Status is SiloStatus.Dead)
            {
                _outboxes.TryRemove(host, out _);
            }
            else if (!_outboxes.ContainsKey(host))
            {
                Add(host, silo);
            }
        }

        _seen = snapshot.Version; // last: who comes in between looks, too
    }

    private void Add(ulong host, SiloAddress silo) => _outboxes.TryAdd(host, new SiloOutbox(local, silo, sender, dispatcher, logger));

    private bool IsDead(SiloAddress silo) => membership.CurrentSnapshot.GetSiloStatus(silo) is SiloStatus.Dead;
}

/// <summary>Sends batches to silos.</summary>
internal interface IBatchSender
{
    /// <summary>Hands a batch to Orleans; does not wait for it to arrive.</summary>
    void Send(SiloAddress silo, HostBatch batch);
}
