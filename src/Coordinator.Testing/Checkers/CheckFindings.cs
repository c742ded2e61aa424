using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>Collects what a checker finds. One thing that is broken shows in many places, so few are kept and all are counted.</summary>
internal sealed class CheckFindings(string checker)
{
    private const int KeptMax = 10;

    private readonly List<string> _witnesses = [];
    private readonly List<string> _doubts = [];
    private int _witnessCount;

    public void Found(string witness)
    {
        if (_witnessCount++ < KeptMax)
        {
            _witnesses.Add(witness);
        }
    }

    public void Doubt(string why)
    {
        if (_doubts.Count < KeptMax)
        {
            _doubts.Add(why);
        }
    }

    public CheckReport Report() => new(checker, _witnessCount > 0 ? HistoryVerdict.Invalid : _doubts.Count > 0 ? HistoryVerdict.Unknown : HistoryVerdict.Valid, [.. _witnesses], [.. _doubts])
    {
        WitnessCount = _witnessCount,
    };

    /// <summary>An instant of a run, or a duration, in seconds.</summary>
    public static string Seconds(TimeSpan time) => HistoryText.Invariant($"{time.TotalSeconds:F3} s");
}
