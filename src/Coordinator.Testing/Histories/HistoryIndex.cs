using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Coordinator.Testing.Histories;

/// <summary>A history by its keys, and which of its transactions count as committed.</summary>
internal sealed class HistoryIndex
{
    private const int DoubtsMax = 10;

    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly Dictionary<int, InTransaction> _inTransaction = [];
    private readonly List<KeyIndex> _keys = [];
    private readonly List<string> _doubts = [];
    private readonly bool[] _isCommitted;

    public HistoryIndex(IReadOnlyList<RecordedTransaction> history)
    {
        History = history;
        _isCommitted = new bool[history.Count];
        for (var transaction = 0; transaction < history.Count; transaction++)
        {
            _isCommitted[transaction] = history[transaction].Outcome is RecordedOutcome.Committed;
            Add(transaction);
        }

        CountTheObserved();
    }

    /// <summary>What a transaction did to one key so far.</summary>
    private record struct InTransaction(bool HasRead, long? Base, long? Written);

    public IReadOnlyList<RecordedTransaction> History { get; }

    public IReadOnlyList<KeyIndex> Keys => _keys;

    /// <summary>Why the history can't be judged: it breaks its own rules.</summary>
    public IReadOnlyList<string> Doubts => _doubts;

    public int CommittedCount => _isCommitted.Count(one => one);

    public bool IsCommitted(int transaction) => _isCommitted[transaction];

    /// <summary>It certainly did nothing, or should have.</summary>
    public bool IsAborted(int transaction) => History[transaction].Outcome is RecordedOutcome.Aborted;

    /// <summary>When it was over; null of one that may have been over at any time.</summary>
    public long? EndedAt(int transaction) => History[transaction] is { Outcome: RecordedOutcome.Committed, EndedAt: var at } ? at : null;

    public string NameOf(int transaction) => History[transaction].Name ?? HistoryText.Invariant($"T{transaction + 1}");

    private void Add(int transaction)
    {
        _inTransaction.Clear();
        foreach (var operation in History[transaction].Operations)
        {
            var isList = operation is MicroOperation.Append or MicroOperation.ReadList;
            var number = NumberOf(operation.Key, isList);
            var key = _keys[number];
            if (key.IsList != isList)
            {
                Doubt($"{key.Name} is a list and a register");
                continue;
            }

            ref var before = ref CollectionsMarshal.GetValueRefOrAddDefault(_inTransaction, number, out var exists);
            switch (operation)
            {
                case MicroOperation.Append append:
                    Add(key, transaction, append.Element, null, ref before);
                    break;
                case MicroOperation.Write write:
                    Add(key, transaction, write.Value, write.Version, ref before);
                    break;
                case MicroOperation.ReadList { Elements.IsDefault: false } read:
                    Add(key, new KeyRead(transaction, read.Elements, null, null), exists, ref before);
                    break;
                case MicroOperation.Read read:
                    Add(key, new KeyRead(transaction, default, read.Value, read.Version), exists, ref before);
                    break;
            }
        }

        foreach (var (number, done) in _inTransaction)
        {
            if (done is { HasRead: true, Written: { } value })
            {
                _keys[number].Updates.Add(new Update(transaction, done.Base, value));
            }
        }
    }

    private void Add(KeyIndex key, int transaction, long value, long? version, ref InTransaction before)
    {
        if (!key.Writes.TryAdd(value, new Written(transaction, key.Writes.Count, IsLast: true, version)))
        {
            Doubt($"{HistoryText.Invariant($"{value}")} is written to {key.Name} by {NameOf(key.Writes[value].Transaction)} and by {NameOf(transaction)}: nobody can say whose it is");
            return;
        }

        if (before.Written is { } earlier)
        {
            key.Writes[earlier] = key.Writes[earlier] with { IsLast = false };
        }

        before.Written = value;
    }

    private static void Add(KeyIndex key, KeyRead read, bool isAgain, ref InTransaction before)
    {
        key.Reads.Add(read);
        if (!isAgain)
        {
            before = before with { HasRead = true, Base = read.Last };
        }
    }

    private int NumberOf(string name, bool isList)
    {
        ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(_numbers, name, out var exists);
        if (!exists)
        {
            number = _keys.Count;
            _keys.Add(new KeyIndex(name, isList));
        }

        return number;
    }

    /// <summary>Of unknown outcome counts as committed whose writes were seen by one that counts as committed.</summary>
    private void CountTheObserved()
    {
        if (!History.Any(transaction => transaction.Outcome is RecordedOutcome.Unknown))
        {
            return;
        }

        var seen = new ImmutableArray<long>[_keys.Count];
        var open = new Stack<int>(Enumerable.Range(0, History.Count).Where(IsCommitted));
        while (open.TryPop(out var transaction))
        {
            foreach (var operation in History[transaction].Operations)
            {
                switch (operation)
                {
                    case MicroOperation.ReadList { Elements.IsDefault: false } read:
                        See(_numbers[read.Key], read.Elements, seen, open);
                        break;
                    case MicroOperation.Read { Value: { } value } read:
                        See(_keys[_numbers[read.Key]], value, open);
                        break;
                }
            }
        }
    }

    /// <summary>Most reads of a list begin as the longest one so far does: only what is behind that is new.</summary>
    private void See(int number, ImmutableArray<long> elements, ImmutableArray<long>[] seen, Stack<int> open)
    {
        var before = seen[number].IsDefault ? [] : seen[number].AsSpan();
        var common = before.CommonPrefixLength(elements.AsSpan());
        for (var at = common; at < elements.Length; at++)
        {
            See(_keys[number], elements[at], open);
        }

        if (elements.Length > before.Length)
        {
            seen[number] = elements;
        }
    }

    private void See(KeyIndex key, long value, Stack<int> open)
    {
        if (key.Writes.TryGetValue(value, out var written)
            && !_isCommitted[written.Transaction]
            && History[written.Transaction].Outcome is RecordedOutcome.Unknown)
        {
            _isCommitted[written.Transaction] = true;
            open.Push(written.Transaction);
        }
    }

    private void Doubt(string why)
    {
        if (_doubts.Count < DoubtsMax)
        {
            _doubts.Add(why);
        }
    }
}
