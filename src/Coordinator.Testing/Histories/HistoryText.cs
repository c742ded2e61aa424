using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Coordinator.Testing.Histories;

/// <summary>
/// Histories as text, a line for each event of a client, so that a process that is killed leaves a prefix that can be read:
/// <code>
/// c1 begin 10: append x 1, read y
/// c1 committed 20: append x 1, read y [4 5]
/// </code>
/// A transaction that only begins has an unknown outcome. By hand one line will do: <c>c1 committed 10 20: append x 1, read y [4 5]</c>,
/// and without the times nothing is known of when it was. Registers are <c>write z 7</c>, <c>read z 7</c> and <c>read z none</c>, with
/// <c>@3</c> behind the value if the store tells versions. A line that begins with <c>#</c> is a comment.
/// </summary>
public static class HistoryText
{
    private const string BeginWord = "begin", CommittedWord = "committed", AbortedWord = "aborted", UnknownWord = "unknown", NoneWord = "none";

    /// <summary>Reads a history; its transactions are named T1, T2, ... in the order in which they began.</summary>
    /// <exception cref="FormatException">A line makes no sense; the message says which and why.</exception>
    public static ImmutableArray<RecordedTransaction> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        using var lines = new StringReader(text);
        return Parse(lines);
    }

    /// <inheritdoc cref="Parse(string)"/>
    public static ImmutableArray<RecordedTransaction> Parse(TextReader lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var history = new List<RecordedTransaction>();
        var open = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var number = 1; lines.ReadLine() is { } line; number++)
        {
            if (line.AsSpan().Trim() is { Length: > 0 } text && text[0] != '#')
            {
                try
                {
                    ReadLine(line, history, open);
                }
                catch (FormatException error)
                {
                    throw new FormatException(Invariant($"line {number}: {error.Message}: {line.Trim()}"), error);
                }
            }
        }

        return [.. history];
    }

    /// <summary>Reads operations as they stand behind the colon of a line.</summary>
    /// <exception cref="FormatException">They make no sense; the message says why.</exception>
    public static ImmutableArray<MicroOperation> ParseOperations(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var operations = ImmutableArray.CreateBuilder<MicroOperation>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            operations.Add(ParseOperation(part));
        }

        return operations.DrainToImmutable();
    }

    /// <summary>A transaction in one line.</summary>
    public static string Format(RecordedTransaction transaction)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        var times = transaction is { BeganAt: { } began, EndedAt: { } ended } ? Invariant($" {began} {ended}") : string.Empty;
        return $"{transaction.Process} {WordOf(transaction.Outcome)}{times}: {Format(transaction.Operations)}";
    }

    /// <summary>Operations, as they stand behind the colon of a line.</summary>
    public static string Format(IEnumerable<MicroOperation> operations) => string.Join(", ", operations.Select(Format));

    /// <summary>An operation of a transaction.</summary>
    public static string Format(MicroOperation operation) => operation switch
    {
        MicroOperation.Append append => Invariant($"append {append.Key} {append.Element}"),
        MicroOperation.ReadList { Elements.IsDefault: true } read => $"read {read.Key}",
        MicroOperation.ReadList read => $"read {read.Key} {Format(read.Elements.AsSpan())}",
        MicroOperation.Write write => Invariant($"write {write.Key} {write.Value}{Format(write.Version)}"),
        MicroOperation.Read { Value: { } value } read => Invariant($"read {read.Key} {value}{Format(read.Version)}"),
        MicroOperation.Read read => $"read {read.Key} {NoneWord}{Format(read.Version)}",
        _ => throw new ArgumentException("There is no such operation.", nameof(operation)),
    };

    internal static string BeginLine(string process, long at, IEnumerable<MicroOperation> operations) =>
        Invariant($"{process} {BeginWord} {at}: {Format(operations)}");

    internal static string EndLine(string process, RecordedOutcome outcome, long at, IEnumerable<MicroOperation> operations) =>
        Invariant($"{process} {WordOf(outcome)} {at}: {Format(operations)}");

    internal static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static string Format(ReadOnlySpan<long> elements)
    {
        var text = new StringBuilder("[");
        foreach (var element in elements)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(text.Length > 1 ? " " : string.Empty)}{element}");
        }

        return text.Append(']').ToString();
    }

    private static string Format(long? version) => version is { } known ? Invariant($" @{known}") : string.Empty;

    private static string WordOf(RecordedOutcome outcome) => outcome switch
    {
        RecordedOutcome.Committed => CommittedWord,
        RecordedOutcome.Aborted => AbortedWord,
        _ => UnknownWord,
    };

    private static void ReadLine(string line, List<RecordedTransaction> history, Dictionary<string, int> open)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        var head = (colon < 0 ? line : line[..colon]).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (head.Length is < 2 or > 4)
        {
            throw new FormatException("a line is a client, what it did, up to two times, a colon, and operations");
        }

        var (process, times) = (head[0], head[2..].Select(Number).ToArray());
        ImmutableArray<MicroOperation>? operations = colon < 0 ? null : ParseOperations(line[(colon + 1)..]);
        if (head[1] == BeginWord)
        {
            if (times.Length != 1 || !open.TryAdd(process, history.Count))
            {
                throw new FormatException(times.Length != 1 ? "a begin has one time" : $"{process} has begun another transaction and not ended it");
            }

            history.Add(new RecordedTransaction(process, RecordedOutcome.Unknown, operations ?? []) { Name = NextName(history), BeganAt = times[0] });
            return;
        }

        var outcome = OutcomeOf(head[1]);
        if (open.Remove(process, out var begun))
        {
            if (times.Length != 1)
            {
                throw new FormatException($"{process} has begun a transaction: its end has one time");
            }

            history[begun] = history[begun] with { Outcome = outcome, EndedAt = times[0], Operations = operations ?? history[begun].Operations };
            return;
        }

        if (times.Length == 1)
        {
            throw new FormatException($"{process} has not begun this transaction, so the line needs both times or none");
        }

        history.Add(new RecordedTransaction(process, outcome, operations ?? [])
        {
            Name = NextName(history),
            BeganAt = times.Length == 2 ? times[0] : null,
            EndedAt = times.Length == 2 ? times[1] : null,
        });
    }

    private static string NextName(List<RecordedTransaction> history) => Invariant($"T{history.Count + 1}");

    private static RecordedOutcome OutcomeOf(string word) => word switch
    {
        CommittedWord => RecordedOutcome.Committed,
        AbortedWord => RecordedOutcome.Aborted,
        UnknownWord => RecordedOutcome.Unknown,
        _ => throw new FormatException($"'{word}' is none of {BeginWord}, {CommittedWord}, {AbortedWord}, {UnknownWord}"),
    };

    private static MicroOperation ParseOperation(string text)
    {
        var bracket = text.IndexOf('[', StringComparison.Ordinal);
        if (bracket >= 0)
        {
            return text[..bracket].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is ["read", var list] && text.EndsWith(']')
                ? new MicroOperation.ReadList(list, [.. text[(bracket + 1)..^1].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(Number)])
                : throw new FormatException($"'{text}' is no read of a list");
        }

        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        long? version = words is [.., ['@', .. var digits]] ? Number(digits) : null;
        return (version is null ? words : words[..^1]) switch
        {
            ["append", var key, var element] when version is null => new MicroOperation.Append(key, Number(element)),
            ["read", var key] when version is null => new MicroOperation.ReadList(key, default),
            ["read", var key, NoneWord] => new MicroOperation.Read(key, null, version),
            ["read", var key, var value] => new MicroOperation.Read(key, Number(value), version),
            ["write", var key, var value] => new MicroOperation.Write(key, Number(value), version),
            _ => throw new FormatException($"'{text}' is no operation"),
        };
    }

    private static long Number(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"'{text}' is no number");
}
