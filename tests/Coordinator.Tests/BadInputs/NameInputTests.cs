using Coordinator.Protocol;
using Xunit;

namespace Coordinator.Tests.BadInputs;

/// <summary>Ids and names: of streams, aggregates, transactions and keys. The texts of ids themselves are in Coordinator.Protocol.Tests.</summary>
public sealed class NameInputTests
{
    private static readonly (string What, string Name, string Says)[] BadNames =
    [
        ("empty", "", "empty"), ("blank", " ", "U+0020"), ("with a blank", "with blank", "U+0020"), ("tab", "tab\t", "U+0009"), ("not ASCII", "\u00E4", "U+00E4"), ("NUL", "nul\0", "U+0000"),
        ("line break", "r\rn\n", "U+000D"), ("right-to-left mark", "\u200frtl", "U+200F"), ("emoji", "\U0001F600", "U+D83D"), ("half a surrogate pair", "\ud800", "U+D800"), ("DEL", "\u007f", "U+007F"),
        ("too long", new string('x', 201), "1 to 200 characters"),
    ];

    private static readonly BadInputTable Table = Make();

    public static TheoryData<string> Rows => Table.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_name_that_is_none_is_refused(string row) => Table.Refuse(row);

    private static BadInputTable Make()
    {
        var table = new BadInputTable
        {
            ["null as an id"] = BadInput.Work<ArgumentNullException>("id", transaction => transaction.DepositAsync(null!, 1)),
            ["null as a stream"] = BadInput.Work<ArgumentNullException>("value", transaction => transaction.ReadStateAsync<Settings>(null!).AsTask()),
            ["a stream of the engine: meta"] = BadInput.Work<ArgumentException>("belongs to the engine", transaction => transaction.PublishAsync("meta", new Noted("x")).AsTask()),
            ["a stream of the engine: shard"] = BadInput.Work<ArgumentException>("belongs to the engine", transaction => transaction.UpdateStateAsync<Settings>("shard/0").AsTask()),
            ["a stream of the engine: key"] = BadInput.Work<ArgumentException>("belongs to the engine", transaction => transaction.PublishAsync("key/x", new Noted("x")).AsTask()),
            ["a stream of an aggregate"] = BadInput.Work<ArgumentException>("belongs to the aggregate Account", transaction => transaction.PublishAsync("account/a", new Noted("x")).AsTask()),
            ["a transaction id of nothing"] = BadInput.Call<ArgumentException>("empty", engine => engine.Transactions.OutcomeOfAsync(default(TransactionId)).AsTask()),
            ["a transaction id of another log"] = BadInput.Call<ArgumentException>(
                "another log", engine => engine.Transactions.OutcomeOfAsync(TransactionId.Parse("00000000c0de-01-0000-0000000001-0000000001-0000000001")).AsTask()),
            ["no idempotency key"] = BadInput.Call<ArgumentNullException>("key", engine => engine.Transactions.OutcomeOfAsync((IdempotencyKey)null!).AsTask()),
            ["a read of an id that is none"] = BadInput.Call<ArgumentException>("ASCII", engine => engine.Aggregates.ReadAsync<Account>("with blank").AsTask()),
            ["a read of a stream of the engine"] = BadInput.Call<ArgumentException>("belongs to the engine", engine => engine.Aggregates.ReadStateAsync<Settings>("meta").AsTask()),
            ["a read of a version below any"] = BadInput.Call<ArgumentOutOfRangeException>("version", engine => engine.Aggregates.ReadAsOfAsync<Account>("known", -1).AsTask()),
            ["a read of a version that is not there yet"] = BadInput.Call<ArgumentOutOfRangeException>("1 versions so far", engine => engine.Aggregates.ReadAsOfAsync<Account>("known", 2).AsTask()),
            ["a history of no stream"] = BadInput.Call<ArgumentException>("ASCII", engine => engine.Engine.ReadStreamAsync("no name")),
            ["a history from version 0"] = BadInput.Call<ArgumentOutOfRangeException>("fromVersion", engine => engine.Engine.ReadStreamAsync("notes", 0)),
        };
        foreach (var (what, name, says) in BadNames)
        {
            var saysOfStream = name.Length == 0 ? "1 to 200 characters" : says;
            table[$"{what}, published to"] = BadInput.Work<ArgumentException>(saysOfStream, transaction => transaction.PublishAsync(name, new Noted("x")).AsTask());
            table[$"{what}, read as a value"] = BadInput.Work<ArgumentException>(saysOfStream, transaction => transaction.ReadStateAsync<Settings>(name).AsTask());
            table[$"{what}, updated as a value"] = BadInput.Work<ArgumentException>(saysOfStream, transaction => transaction.UpdateStateAsync<Settings>(name).AsTask());
            table[$"{what}, updated as an aggregate"] = BadInput.Work<ArgumentException>(says, transaction => transaction.DepositAsync(name == " " ? "a b" : name, 1));
        }

        return table;
    }
}
