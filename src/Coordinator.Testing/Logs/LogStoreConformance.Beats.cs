using Coordinator.Log;

namespace Coordinator.Testing.Logs;

/// <content>Heartbeats, where the store has them.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> BeatCases =>
    [
        new("A host's beat is read as it was written", BeatRoundTrip),
        new("A host has one row, its last beat", LastBeatCounts),
        new("A host that is forgotten has no row, any number of times", ForgottenBeat),
    ];

    private static readonly HostProcess s_process = new("machine \"1\"", "boot", "pid:[4026531836]", 4711, 123_456_789_012);

    private static Task BeatRoundTrip(ILogStoreFixture fixture) => WithBeatsAsync(fixture, async beats =>
    {
        await beats.BeatAsync(new HostBeat(ulong.MaxValue, 1, s_process, [0, 7, ushort.MaxValue]), CancellationToken.None);
        await beats.BeatAsync(new HostBeat(1, long.MaxValue, new HostProcess("", "", "", 0, 0), []), CancellationToken.None);
        var found = (await beats.ReadBeatsAsync(CancellationToken.None)).OrderBy(beat => beat.Host).ToList();
        Expect.Equal(2, found.Count, "rows");
        Expect.Equal((1UL, long.MaxValue, 0), (found[0].Host, found[0].Count, found[0].Shards.Length), "the first host");
        Expect.Equal((ulong.MaxValue, 1L, s_process), (found[1].Host, found[1].Count, found[1].Process), "the second host");
        Expect.Equal("0 7 65535", string.Join(' ', found[1].Shards), "its shards");
    });

    private static Task LastBeatCounts(ILogStoreFixture fixture) => WithBeatsAsync(fixture, async beats =>
    {
        for (var count = 1; count <= 3; count++)
        {
            await beats.BeatAsync(new HostBeat(5, count, s_process, [(ushort)count]), CancellationToken.None);
        }

        var found = await beats.ReadBeatsAsync(CancellationToken.None);
        Expect.Equal(1, found.Length, "rows");
        Expect.Equal((3L, 3), (found[0].Count, found[0].Shards[0]), "the last beat");
    });

    private static Task ForgottenBeat(ILogStoreFixture fixture) => WithBeatsAsync(fixture, async beats =>
    {
        await beats.BeatAsync(new HostBeat(5, 1, s_process, []), CancellationToken.None);
        await beats.BeatAsync(new HostBeat(6, 1, s_process, []), CancellationToken.None);
        await beats.ForgetBeatAsync(5, CancellationToken.None);
        await beats.ForgetBeatAsync(5, CancellationToken.None);
        var found = await beats.ReadBeatsAsync(CancellationToken.None);
        Expect.Equal("6", string.Join(' ', found.Select(beat => beat.Host)), "hosts left");
    });

    private static async Task WithBeatsAsync(ILogStoreFixture fixture, Func<IHostBeats, Task> test)
    {
        await using var store = await ReopenAsync(fixture);
        Expect.Equal(fixture.HasBeats, store.Beats is not null, "the store has heartbeats");
        if (store.Beats is { } beats)
        {
            await test(beats);
        }
    }
}
