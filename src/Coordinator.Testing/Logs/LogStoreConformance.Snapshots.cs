using System.Globalization;
using Coordinator.Log;
using Coordinator.Protocol;

namespace Coordinator.Testing.Logs;

/// <content>Snapshots: one a stream, the newest, and never taken for right when it is not; and reads of a stream's last row.</content>
internal static partial class LogStoreConformance
{
    private static IEnumerable<ConformanceCase> SnapshotCases =>
    [
        new("A snapshot is read as it was written", SnapshotRoundTrip),
        new("A snapshot of many kilobytes is read as it was written", LargeSnapshot),
        new("A stream without snapshot has none", AbsentSnapshot),
        new("A snapshot replaces an older one and one of the same version", NewerSnapshotReplaces),
        new("A snapshot does not replace a newer one", OlderSnapshotDoesNotReplace),
        new("A snapshot of a later generation replaces one of a later version", LaterGenerationReplaces),
        new("A snapshot that is deleted is gone, any number of times, and others stay", DeletedSnapshot),
        new("Snapshots of streams that differ in case are two", SnapshotsByByte),
        new("Snapshots are kept when the log is opened again", SnapshotsSurvive),
        new("A snapshot that can't be trusted says so and can be replaced", DamagedSnapshot),
        new("Snapshots beside commits change no row and are changed by none", SnapshotsBesideCommits),
        new("A commit that stalls does not lose a snapshot that follows it", SnapshotBehindStalledCommit),
    ];

    private static Snapshot SnapshotOf(string stream, long version, byte generation = 1, string payload = "{}")
    {
        var snapshot = new Snapshot
        {
            Stream = new StreamName(stream),
            Version = version,
            AppendId = new(ulong.MaxValue, (ulong)version),
            Generation = generation,
            Position = new LogPosition(ushort.MaxValue, long.MaxValue),
            Type = "tested \"state\"",
            TypeVersion = int.MaxValue,
            WrittenAt = 1_700_000_000_000_001,
            Payload = System.Text.Encoding.UTF8.GetBytes(payload),
        };
        snapshot.Checksum = snapshot.ComputeChecksum();
        return snapshot;
    }

    private static void SameSnapshot(Snapshot expected, Snapshot? found)
    {
        Expect.True(found is not null, $"{expected} is there");
        Expect.Equal(null, found!.Fault, "its fault");
        Expect.Equal(
            (expected.Stream, expected.Version, expected.AppendId, expected.Generation, expected.Position),
            (found.Stream, found.Version, found.AppendId, found.Generation, found.Position),
            "what it is of");
        Expect.Equal((expected.Type, expected.TypeVersion, expected.WrittenAt, expected.Checksum), (found.Type, found.TypeVersion, found.WrittenAt, found.Checksum), "its columns");
        Expect.True(expected.Payload.Span.SequenceEqual(found.Payload.Span), "its payload is what was written");
    }

    private static ValueTask<Snapshot?> FindAsync(ISnapshotStore snapshots, string stream) =>
        snapshots.ReadSnapshotAsync(new StreamName(stream), CancellationToken.None);

    private static async Task WithSnapshotsAsync(ILogStoreFixture fixture, Func<ISnapshotStore, Task> test)
    {
        await using var store = await ReopenAsync(fixture);
        Expect.True(store.Snapshots is not null, "the store keeps snapshots");
        await test(store.Snapshots!);
    }

    private static Task SnapshotRoundTrip(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        var (large, small) = (SnapshotOf("a", long.MaxValue, byte.MaxValue), SnapshotOf("b/\"c\"", 1, 0, string.Empty));
        await snapshots.WriteSnapshotAsync(large, CancellationToken.None);
        await snapshots.WriteSnapshotAsync(small, CancellationToken.None);
        SameSnapshot(large, await FindAsync(snapshots, "a"));
        SameSnapshot(small, await FindAsync(snapshots, "b/\"c\""));
    });

    private static Task LargeSnapshot(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        foreach (var size in (int[])[900_000, 10, 70_000])
        {
            var snapshot = SnapshotOf("a", 5, payload: new string('x', size));
            await snapshots.WriteSnapshotAsync(snapshot, CancellationToken.None);
            SameSnapshot(snapshot, await FindAsync(snapshots, "a"));
        }
    });

    private static Task AbsentSnapshot(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        await snapshots.WriteSnapshotAsync(SnapshotOf("a", 1), CancellationToken.None);
        Expect.True(await FindAsync(snapshots, "b") is null, "another stream has none");
    });

    private static Task NewerSnapshotReplaces(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        foreach (var (version, payload) in ((long, string)[])[(1, "1"), (100, "100"), (100, "100 again"), (101, "101")])
        {
            var snapshot = SnapshotOf("a", version, payload: payload);
            await snapshots.WriteSnapshotAsync(snapshot, CancellationToken.None);
            SameSnapshot(snapshot, await FindAsync(snapshots, "a"));
        }
    });

    private static Task OlderSnapshotDoesNotReplace(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        var newest = SnapshotOf("a", 100, generation: 2);
        await snapshots.WriteSnapshotAsync(newest, CancellationToken.None);
        await snapshots.WriteSnapshotAsync(SnapshotOf("a", 99, generation: 2), CancellationToken.None);
        await snapshots.WriteSnapshotAsync(SnapshotOf("a", 200, generation: 1), CancellationToken.None);
        SameSnapshot(newest, await FindAsync(snapshots, "a"));
    });

    private static Task LaterGenerationReplaces(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        await snapshots.WriteSnapshotAsync(SnapshotOf("a", 100), CancellationToken.None);
        var restored = SnapshotOf("a", 50, generation: 2);
        await snapshots.WriteSnapshotAsync(restored, CancellationToken.None);
        SameSnapshot(restored, await FindAsync(snapshots, "a"));
    });

    private static Task DeletedSnapshot(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        var other = SnapshotOf("b", 1);
        await snapshots.WriteSnapshotAsync(SnapshotOf("a", 100), CancellationToken.None);
        await snapshots.WriteSnapshotAsync(other, CancellationToken.None);
        await snapshots.DeleteSnapshotAsync(new StreamName("a"), CancellationToken.None);
        await snapshots.DeleteSnapshotAsync(new StreamName("a"), CancellationToken.None);
        Expect.True(await FindAsync(snapshots, "a") is null, "it is gone");
        SameSnapshot(other, await FindAsync(snapshots, "b"));

        var older = SnapshotOf("a", 1);
        await snapshots.WriteSnapshotAsync(older, CancellationToken.None);
        SameSnapshot(older, await FindAsync(snapshots, "a"));
    });

    private static Task SnapshotsByByte(ILogStoreFixture fixture) => WithSnapshotsAsync(fixture, async snapshots =>
    {
        var (lower, upper) = (SnapshotOf("a", 1), SnapshotOf("A", 2));
        await snapshots.WriteSnapshotAsync(lower, CancellationToken.None);
        await snapshots.WriteSnapshotAsync(upper, CancellationToken.None);
        SameSnapshot(lower, await FindAsync(snapshots, "a"));
        SameSnapshot(upper, await FindAsync(snapshots, "A"));
    });

    private static async Task SnapshotsSurvive(ILogStoreFixture fixture)
    {
        var snapshot = SnapshotOf("a", 100);
        await WithSnapshotsAsync(fixture, async snapshots => await snapshots.WriteSnapshotAsync(snapshot, CancellationToken.None));
        await WithSnapshotsAsync(fixture, async snapshots => SameSnapshot(snapshot, await FindAsync(snapshots, "a")));
    }

    private static async Task DamagedSnapshot(ILogStoreFixture fixture)
    {
        await WithSnapshotsAsync(fixture, async snapshots => await snapshots.WriteSnapshotAsync(SnapshotOf("a", 100), CancellationToken.None));
        await fixture.DamageSnapshotAsync(new StreamName("a"));
        await WithSnapshotsAsync(fixture, async snapshots =>
        {
            Expect.True(await FindAsync(snapshots, "a") is { Fault: not null }, "it is marked");
            var next = SnapshotOf("a", 101);
            await snapshots.WriteSnapshotAsync(next, CancellationToken.None);
            SameSnapshot(next, await FindAsync(snapshots, "a"));
        });
    }

    private static async Task SnapshotsBesideCommits(ILogStoreFixture fixture)
    {
        const int commits = 40;
        await using var log = await TestLog.OpenAsync(fixture);
        var writing = Task.Run(async () =>
        {
            for (var version = 1; version <= commits; version++)
            {
                await log.Store.Snapshots!.WriteSnapshotAsync(SnapshotOf("a", version), CancellationToken.None);
            }
        });
        for (var i = 0; i < commits; i++)
        {
            await log.CommitAsync(new StreamWrite("a", i));
        }

        await writing;
        Expect.Equal(commits, (await log.ReadAsync("a")).Length, "rows of the stream");
        Expect.Equal(commits + 1, (await log.ReadAsync(log.Shard.Value)).Length, "rows of the shard");
        SameSnapshot(SnapshotOf("a", commits), await FindAsync(log.Store.Snapshots!, "a"));
    }

    private static async Task SnapshotBehindStalledCommit(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        fixture.Faults.Arm(Faults.AppendFault.StallAtStatement);
        var group = log.Store.AppendAsync(log.Group(new StreamWrite("a", 0))).AsTask();
        await fixture.Faults.Stalled;
        var writing = log.Store.Snapshots!.WriteSnapshotAsync(SnapshotOf("b", 1), CancellationToken.None).AsTask();
        log.Store.AbandonAppend();
        fixture.Faults.Release();
        Expect.Answer(GroupAnswerKind.Unclear, await group, "the commit that was given up");
        await writing;
        SameSnapshot(SnapshotOf("b", 1), await FindAsync(log.Store.Snapshots!, "b"));
    }

    private static async Task LastRowAsync(ILogStoreFixture fixture, string stream)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        for (var i = 0; i < 5; i++)
        {
            var group = await log.CommitAsync(new StreamWrite("a", i));
            var expected = group.Rows.Last(row => row.Stream.Value == stream);
            SameRow(expected, (await log.Store.ReadLastAsync(new StreamName(stream), CancellationToken.None))!);
        }
    }

    private static async Task LastRowOfAbsent(ILogStoreFixture fixture)
    {
        await using var log = await TestLog.OpenAsync(fixture);
        await log.CommitAsync(new StreamWrite("b", 0));
        Expect.True(await log.Store.ReadLastAsync(new StreamName("a"), CancellationToken.None) is null, "it has none");
    }

    private static async Task DamagedLastRow(ILogStoreFixture fixture)
    {
        await using (var log = await TestLog.OpenAsync(fixture))
        {
            await log.CommitAsync(new StreamWrite("a", 0, 2));
        }

        await fixture.DamageAsync(new RowKey(new("a"), 2), RowDamage.PayloadBit);
        await using var store = await ReopenAsync(fixture);
        var error = await Expect.ThrowsAsync<LogCorruptException>(
            async () => await store.ReadLastAsync(new StreamName("a"), CancellationToken.None), "a read of the last row");
        Expect.Equal(string.Create(CultureInfo.InvariantCulture, $"a 2"), string.Create(CultureInfo.InvariantCulture, $"{error.Stream} {error.Version}"), "the row named");
    }
}
