using System.Collections.Immutable;
using Coordinator.Protocol;

namespace Coordinator.Log;

/// <content>Calls of the store: timed, and repeated where that is safe.</content>
internal sealed partial class GroupCommitter
{
    /// <summary>How long the store has not written although something was to be written.</summary>
    public TimeSpan StalledFor
    {
        get
        {
            var since = Math.Min(Before(ref _inFlightSince), Before(ref _failingSince));
            return since == long.MaxValue ? TimeSpan.Zero : clock.Now - TimeSpan.FromTicks(since);

            static long Before(ref long ticks) => Volatile.Read(ref ticks) is var value and >= 0 ? value : long.MaxValue;
        }
    }

    private async ValueTask<GroupAnswer> AppendAsync(RowGroup group, bool isFence = false)
    {
        var since = clock.Now;
        Volatile.Write(ref _inFlightSince, since.Ticks);
        var answer = await store.AppendAsync(group).ConfigureAwait(false);
        Volatile.Write(ref _inFlightSince, -1);
        if (telemetry.Metrics.TimesAppends)
        {
            telemetry.Metrics.Answered(answer.Kind, clock.Now - since);
        }

        if (telemetry.Traces.IsWanted)
        {
            telemetry.Traces.Appended(_group.Members, group.Rows.Length, isFence, answer.Kind, clock.Now - since);
        }

        return answer;
    }

    private async ValueTask<ImmutableArray<KeyFinding>> InspectAsync(ImmutableArray<RowKey> keys)
    {
        while (true)
        {
            try
            {
                var findings = await store.InspectAsync(keys, CancellationToken.None).ConfigureAwait(false);
                _failures = 0;
                return findings;
            }
            catch (Exception error) when (error is not (InvariantViolationException or LogCorruptException))
            {
                await BackOffAsync(error).ConfigureAwait(false); // a read is safe to repeat, and nothing is told before it succeeds
            }
        }
    }

    private async ValueTask BackOffAsync(Exception? error)
    {
        var delay = TimeSpan.FromTicks(Math.Min(RetryDelayMax.Ticks, RetryDelayMin.Ticks << Math.Min(_failures, 10)));
        if (error is not null && Volatile.Read(ref _failingSince) < 0)
        {
            Volatile.Write(ref _failingSince, clock.Now.Ticks);
        }

        if (error is not null && _failures++ % 20 == 0)
        {
            StoreFailing(logger, store.Description, error.Message);
        }

        await Task.Delay(delay, time).ConfigureAwait(false);
    }
}
