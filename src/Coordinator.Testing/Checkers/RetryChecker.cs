using Coordinator.Testing.Histories;

namespace Coordinator.Testing.Checkers;

/// <summary>
/// Judges whether what was tried again under the same idempotency key was done once, and whether every answer says so (I11, R10).
/// </summary>
/// <remarks>
/// That an attempt is aborted says nothing of the others, so a retry may commit after it. An attempt that begins when the key is known
/// to be committed must be told that.
/// </remarks>
public static class RetryChecker
{
    /// <summary>The name in its reports.</summary>
    public const string Name = "retries";

    /// <summary>Judges all keys.</summary>
    /// <param name="evidence">What is known.</param>
    public static CheckReport Check(RetryEvidence evidence)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var findings = new CheckFindings(Name);
        var effects = evidence.Effects.ToLookup(effect => effect.Key, StringComparer.Ordinal);
        var attempts = evidence.Attempts.ToLookup(attempt => attempt.Key, StringComparer.Ordinal);
        foreach (var key in attempts)
        {
            KeyedAttempt[] ordered = [.. key.OrderBy(attempt => attempt.EndedAt)];
            JudgeEffects(key.Key, effects[key.Key], findings);
            JudgeCommits(key.Key, ordered, [.. effects[key.Key]], findings);
            JudgeAborts(key.Key, ordered, [.. effects[key.Key]], findings);
        }

        foreach (var ghost in effects.Where(key => !attempts.Contains(key.Key)))
        {
            findings.Found($"key {ghost.Key} has an effect, {At(ghost.First())}, and nobody tried it");
        }

        if (!attempts.Any(key => key.Skip(1).Any()))
        {
            findings.Doubt("no key was tried twice");
        }

        if (!evidence.Attempts.Any(attempt => attempt.Outcome is RecordedOutcome.Committed))
        {
            findings.Doubt("no attempt is known to be committed");
        }

        return findings.Report();
    }

    private static void JudgeEffects(string key, IEnumerable<KeyedEffect> effects, CheckFindings findings)
    {
        var first = new Dictionary<string, KeyedEffect>(StringComparer.Ordinal);
        KeyedEffect? one = null;
        foreach (var effect in effects)
        {
            one ??= effect;
            if (effect.Transaction != one.Transaction)
            {
                findings.Found($"key {key} took effect twice: by {one.Transaction}, {At(one)}, and by {effect.Transaction}, {At(effect)}");
            }
            else if (!first.TryAdd(effect.Stream, effect))
            {
                findings.Found($"key {key} took effect twice by {effect.Transaction}: {At(first[effect.Stream])} and {At(effect)}");
            }
        }
    }

    private static void JudgeCommits(string key, KeyedAttempt[] attempts, KeyedEffect[] effects, CheckFindings findings)
    {
        if (Array.Find(attempts, attempt => attempt.Outcome is RecordedOutcome.Committed) is not { } first)
        {
            return;
        }

        if (effects.Length == 0)
        {
            findings.Found($"key {key} {Text(first)}, and has no effect");
        }
        else if (first.Transaction is { } told && !effects.Any(effect => effect.Transaction == told))
        {
            findings.Found($"key {key} {Text(first)}, and its effect is of {effects[0].Transaction}, {At(effects[0])}");
        }

        foreach (var other in attempts.Where(attempt => attempt.Outcome is RecordedOutcome.Committed && Differ(attempt, first)))
        {
            findings.Found($"key {key} has two answers: {Text(first)}, and {Text(other)}");
        }

        foreach (var late in attempts.Where(attempt => attempt.Outcome is RecordedOutcome.Aborted && attempt.BeganAt > first.EndedAt))
        {
            findings.Found($"key {key} has two answers: {Text(first)}, and {Text(late)}, which began at {CheckFindings.Seconds(late.BeganAt)}");
        }
    }

    private static bool Differ(KeyedAttempt one, KeyedAttempt other) =>
        (one.Transaction is not null && other.Transaction is not null && one.Transaction != other.Transaction) || one.Answer != other.Answer;

    private static void JudgeAborts(string key, KeyedAttempt[] attempts, KeyedEffect[] effects, CheckFindings findings)
    {
        foreach (var attempt in attempts.Where(attempt => attempt.Outcome is RecordedOutcome.Aborted))
        {
            if (Array.Find(effects, effect => effect.Transaction == attempt.Transaction) is { } effect)
            {
                findings.Found($"key {key} {Text(attempt)}, and has its effect, {At(effect)}");
            }
        }

        // Nobody is left of whom the effect could be; if one of them has it by its own id, that was said.
        if (effects.Length > 0
            && Array.TrueForAll(attempts, attempt => attempt.Outcome is RecordedOutcome.Aborted)
            && !Array.Exists(attempts, attempt => effects.Any(effect => effect.Transaction == attempt.Transaction)))
        {
            findings.Found($"key {key} {Text(attempts[^1])}, as were all its attempts, and has an effect, {At(effects[0])}");
        }
    }

    private static string At(KeyedEffect effect) => HistoryText.Invariant($"{effect.Stream} row {effect.Version}");

    private static string Text(KeyedAttempt attempt)
    {
        var answer = attempt.Answer is null ? string.Empty : $" '{attempt.Answer}'";
        return $"was told {attempt.Outcome}{answer} of {attempt.Transaction ?? "no transaction"} at {CheckFindings.Seconds(attempt.EndedAt)}";
    }
}
