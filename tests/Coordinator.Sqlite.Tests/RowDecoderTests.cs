using System.Data;
using Coordinator.AdoNet;
using Coordinator.Log;
using Coordinator.Protocol;
using Coordinator.Testing.Simulation;
using Xunit;

namespace Coordinator.Sqlite.Tests;

/// <summary>
/// Whatever a column holds (SQLite keeps any value in any column), a row or a snapshot comes of it: what was written, or one that says why
/// it can't be trusted. Never an exception, for the rows behind it are wanted too.
/// </summary>
public sealed class RowDecoderTests
{
    private const int Cases = 5_000;

    private static readonly object[] GoodRow =
        [3L, 19, 7L, -8L, Id.ToByteArray(), 2L, 1L, 0, 9L, 0, 8L, "account.deposited", 1, 1_700_000_000_000_000L, 4_000_000_000L, "{}"u8.ToArray()];

    private static readonly object[] GoodSnapshot = [3L, 7L, -8L, 1, 0, 9L, "account", 1, 1_700_000_000_000_000L, 0L, "{}"u8.ToArray()];

    private static readonly object[] Odd =
    [
        DBNull.Value, "", "seven", "\ud800", "7", -1L, 0L, long.MaxValue, long.MinValue, int.MinValue, short.MaxValue, byte.MaxValue, 1.5, double.NaN, double.PositiveInfinity,
        decimal.MaxValue, true, 'x', DateTime.MinValue, Guid.Empty, Array.Empty<byte>(), new byte[23], new byte[24], new byte[25], new byte[] { 0xFF, 0xFE },
    ];

    private static TransactionId Id => TransactionId.Parse("00000000c0de-01-0000-0000000002-0000000005-0000000009");

    [Fact]
    public void What_was_written_is_read()
    {
        var row = Decode(GoodRow);
        Assert.Null(row.Fault);
        Assert.Null(RowTrust.FaultOf(Decode(Sealed()), null));
        Assert.Equal((3L, RowKind.CommitDecided, Id, 2L, 1L, 4_000_000_000u), (row.Version, row.Kind, row.Transaction, row.Epoch, row.Checkpoint, row.Checksum));
    }

    [Fact]
    public void Odd_values_in_columns_make_a_row_that_is_not_trusted_and_never_an_exception()
    {
        for (var seed = 1UL; seed <= Cases; seed++)
        {
            var random = new SeededRandom(seed);
            var row = Decode(Damaged(random, Sealed()));
            Assert.True(RowTrust.FaultOf(row, null) is not null || Told(row) == Told(Decode(Sealed())), $"seed {seed}"); // by the decoder, or by the checksum
            Assert.True(SnapshotOf(Damaged(random, GoodSnapshot)).Version >= 0, $"seed {seed}");
        }
    }

    [Fact]
    public void Each_odd_value_in_each_column_is_seen_or_has_a_place_in_the_row() => Assert.All(Enumerable.Range(0, GoodRow.Length), column =>
    {
        foreach (var odd in Odd)
        {
            var row = Decode([.. GoodRow[..column], odd, .. GoodRow[(column + 1)..]]);
            Assert.True(row.Fault is null || row.Fault.StartsWith("column ", StringComparison.Ordinal), row.Fault);
            Assert.True(row.Type is not null && row.Payload.Length <= RowTrust.PayloadBytesMax);
        }
    });

    /// <summary>The good row with the checksum that it must carry.</summary>
    private static object[] Sealed() => [.. GoodRow[..14], (long)RowChecksum.Of(Decode(GoodRow), 0), GoodRow[15]];

    private static string Told(LogRow row) =>
        $"{row} {row.AppendId} {row.Transaction} {row.Epoch} {row.Checkpoint} {row.Position} {row.Previous} {row.Type} {row.TypeVersion} {row.WrittenAt} {Convert.ToHexString(row.Payload.Span)}";

    private static object[] Damaged(SeededRandom random, object[] row)
    {
        object[] damaged = [.. row];
        for (var times = 1 + random.Below(4); times > 0; times--)
        {
            damaged[random.Below(damaged.Length)] = Odd[random.Below(Odd.Length)];
        }

        return damaged;
    }

    private static LogRow Decode(object[] values)
    {
        using var reader = Reader(values);
        return RowDecoder.Read(reader, new StreamName("account/a"));
    }

    private static Snapshot SnapshotOf(object[] values)
    {
        using var reader = Reader(values);
        return SnapshotDecoder.Read(reader, new StreamName("account/a"));
    }

    private static DataTableReader Reader(object[] values)
    {
        using var table = new DataTable();
        for (var i = 0; i < values.Length; i++)
        {
            table.Columns.Add($"c{i}", typeof(object));
        }

        table.Rows.Add(values);
        var reader = table.CreateDataReader();
        Assert.True(reader.Read());
        return reader;
    }
}
