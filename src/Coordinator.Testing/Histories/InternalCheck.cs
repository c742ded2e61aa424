using System.Collections.Immutable;

namespace Coordinator.Testing.Histories;

/// <summary>Does each committed transaction see what it did itself, and nothing change under its eyes?</summary>
internal sealed class InternalCheck(HistoryIndex index, Findings findings)
{
    private readonly Dictionary<string, Belief> _beliefs = new(StringComparer.Ordinal);

    /// <summary>What a key must hold as far as the transaction knows.</summary>
    /// <param name="Elements">Of a list: all of it, or what it ends with.</param>
    /// <param name="IsWhole">It is all of it.</param>
    /// <param name="Value">Of a register.</param>
    private readonly record struct Belief(ImmutableArray<long> Elements, bool IsWhole, long? Value);

    public void Run()
    {
        for (var transaction = 0; transaction < index.History.Count; transaction++)
        {
            if (index.IsCommitted(transaction) && index.History[transaction].Operations.Length > 1)
            {
                Check(transaction);
            }
        }
    }

    private void Check(int transaction)
    {
        _beliefs.Clear();
        foreach (var operation in index.History[transaction].Operations)
        {
            var isKnown = _beliefs.TryGetValue(operation.Key, out var belief);
            if (isKnown && !Agrees(operation, belief))
            {
                findings.Add(AnomalyKind.Internal, [transaction], $"{index.NameOf(transaction)} has '{HistoryText.Format(operation)}', and what it did before calls for {Show(operation.Key, belief)}");
            }

            switch (operation)
            {
                case MicroOperation.Append append:
                    _beliefs[append.Key] = new Belief(isKnown ? belief.Elements.Add(append.Element) : [append.Element], isKnown && belief.IsWhole, null);
                    break;
                case MicroOperation.ReadList { Elements.IsDefault: false } read:
                    _beliefs[read.Key] = new Belief(read.Elements, IsWhole: true, null);
                    break;
                case MicroOperation.Write write:
                    _beliefs[write.Key] = new Belief([], IsWhole: true, write.Value);
                    break;
                case MicroOperation.Read read:
                    _beliefs[read.Key] = new Belief([], IsWhole: true, read.Value);
                    break;
            }
        }
    }

    private static bool Agrees(MicroOperation operation, Belief belief) => operation switch
    {
        MicroOperation.ReadList { Elements.IsDefault: false } read =>
            belief.IsWhole ? read.Elements.AsSpan().SequenceEqual(belief.Elements.AsSpan()) : read.Elements.AsSpan().EndsWith(belief.Elements.AsSpan()),
        MicroOperation.Read read => read.Value == belief.Value,
        _ => true,
    };

    private static string Show(string key, Belief belief)
    {
        if (belief.Value is not null || belief.Elements.IsEmpty)
        {
            return HistoryText.Format(new MicroOperation.Read(key, belief.Value));
        }

        var list = HistoryText.Format(new MicroOperation.ReadList(key, belief.Elements));
        return belief.IsWhole ? list : list + " or more before that";
    }
}
