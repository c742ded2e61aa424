using System.Collections.Immutable;
using Coordinator.Log;

namespace Coordinator.Testing.Simulation;

/// <content>Heartbeats: small calls that fail, come late and are answered late like all others.</content>
internal sealed partial class SimulatedLogView : IHostBeats
{
    /// <inheritdoc/>
    public IHostBeats? Beats => this;

    /// <inheritdoc/>
    public async ValueTask BeatAsync(HostBeat beat, CancellationToken cancellation)
    {
        if (Log.Muted.Contains(Process))
        {
            throw new SimulatedStoreException("The row of heartbeats is locked.");
        }

        await CallAsync("beat", () => DoneAsync(Log.Rows.BeatAsync(beat, CancellationToken.None)), cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask<ImmutableArray<HostBeat>> ReadBeatsAsync(CancellationToken cancellation) =>
        CallAsync("read beats", () => Log.Rows.ReadBeatsAsync(CancellationToken.None), cancellation);

    /// <inheritdoc/>
    public async ValueTask ForgetBeatAsync(ulong host, CancellationToken cancellation) =>
        await CallAsync("forget a beat", () => DoneAsync(Log.Rows.ForgetBeatAsync(host, CancellationToken.None)), cancellation).ConfigureAwait(false);

    private static async ValueTask<bool> DoneAsync(ValueTask call)
    {
        await call.ConfigureAwait(false);
        return true;
    }
}
