using Coordinator.Hosting;
using Coordinator.Protocol.Ownership;

namespace Coordinator.Log;

/// <summary>Handing shards over, while others are written to.</summary>
/// <remarks>
/// <para>A release is a group of its own, sent between two others: one group is in flight at a time whatever it is for (rule D-1), and
/// a release that the store does not take, or does not answer for, takes nobody with it.</para>
/// <para>Its answer may be unclear, and then it is not fenced, unlike every other group (rule D-2). A fence is there so that somebody can
/// be told, and so that the shard can go on; here nobody waits for an outcome, and the shard does not go on. The lane is Released from
/// the moment of the sending, whatever the answer, and never appends again: both rows stay true whenever they land. Late, they find their place
/// behind the last row of this epoch, as its end, or a newer claim has taken it and their check fails. The other lanes have no row in the
/// group, so nothing of theirs is unclear: they go on from their own rows, which are known durable. <em>A release that rode in a group of
/// others would have to be fenced with it, in a shard that is gone or with rows that may yet land behind its fence.</em></para>
/// </remarks>
internal sealed partial class GroupCommitter
{
    private readonly Queue<Release> _releases = []; // under the gate
    private readonly List<(Release Release, bool Landed)> _released = [];

    /// <summary>
    /// Hands a shard over: its last rows are a checkpoint and the release. The caller enqueues nothing more for it and nothing of it
    /// waits; batches of other shards may. False if the release is not known to be durable: then the next owner waits for the silence of
    /// this one. Either way nothing more is appended to the shard here. If nothing else was under way, the answer finds the committer idle.
    /// </summary>
    public ValueTask<bool> TryReleaseAsync(ShardLane lane)
    {
        var release = new Release(lane, new Completion<bool>());
        lock (_gate)
        {
            if (_broken)
            {
                return ValueTask.FromResult(false);
            }

            _releases.Enqueue(release);
            if (_running)
            {
                return release.Answer.WaitAsync();
            }

            _running = true;
        }

        dispatcher.Queue(this);
        return release.Answer.WaitAsync();
    }

    private async ValueTask SendReleasesAsync()
    {
        while (NextRelease() is { } release)
        {
            var landed = !release.Lane.IsLost && await SendAsync(release.Lane).ConfigureAwait(false);
            lock (_gate)
            {
                _releases.Dequeue(); // only now: should this break, its waiter is found here
            }

            _released.Add((release, landed));
        }
    }

    private async ValueTask<bool> SendAsync(ShardLane lane)
    {
        _group.Clear();
        _group.AddRelease(lane, LogRow.ClockOf(time));
        lane.Ownership = OwnershipProtocol.Advance(lane.Ownership, OwnershipInput.ReleaseStarted.Instance);
        var group = _group.ToGroup();
        var sent = AppendAsync(group);
        TellLanded();
        TellReleased(); // those before this one: a store that stalls here must not make them look given up
        var answer = await sent.ConfigureAwait(false);
        if (answer.Kind is not GroupAnswerKind.Landed)
        {
            ReleaseNotKnown(logger, lane.Shard, answer.Kind, answer.Error?.Message);
            return false;
        }

        Succeeded();
        GroupCount++;
        RowCount += group.Rows.Length;
        return true;
    }

    private Release? NextRelease()
    {
        lock (_gate)
        {
            return _releases.TryPeek(out var release) ? release : null;
        }
    }

    /// <summary>Only when the next write is on its way, or nothing is: whoever waited may close the store next, and asks whether it is idle.</summary>
    private void TellReleased()
    {
        foreach (var (release, landed) in _released)
        {
            release.Answer.TryComplete(landed, dispatcher);
        }

        _released.Clear();
    }

    /// <summary>Nothing is written any more, by these lanes either.</summary>
    private void BreakReleases()
    {
        TellReleased();
        foreach (var release in _releases)
        {
            release.Lane.Ownership = release.Lane.Ownership with { Phase = OwnershipPhase.Lost };
            release.Answer.TryComplete(false, dispatcher);
        }

        _releases.Clear();
    }

    /// <summary>A shard to be handed over, and whoever waits for that.</summary>
    private sealed record Release(ShardLane Lane, Completion<bool> Answer);
}
