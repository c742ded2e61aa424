using System.Collections.Immutable;
using Coordinator.Testing.Histories;
using Coordinator.Testing.Simulation;

namespace Coordinator.Tests.Histories;

/// <summary>
/// Runs random transactions one after the other, each at one instant, for clients who began before and hear of it after: whatever it
/// records is strictly serializable. Its last transaction reads all there is.
/// </summary>
internal sealed class SerialExecutor(ulong seed, bool tellsVersions = true)
{
    private const int Clients = 10, LivingKeys = 8, WritesMax = 30, Instant = 10;

    private readonly SeededRandom _random = new(seed);
    private readonly long[] _freeAt = new long[Clients];
    private readonly Dictionary<string, List<long>> _keys = new(StringComparer.Ordinal);
    private readonly List<string> _living = [];
    private readonly Dictionary<string, int> _before = new(StringComparer.Ordinal); // how many values the keys had that are written to
    private readonly List<RecordedTransaction> _history = [];
    private long _now;
    private long _values;

    public static List<RecordedTransaction> Run(ulong seed, int transactions, bool tellsVersions = true)
    {
        var executor = new SerialExecutor(seed, tellsVersions);
        while (executor._history.Count < transactions - 1)
        {
            executor.Execute();
        }

        executor.ReadAll();
        return executor._history;
    }

    private void Execute()
    {
        _now += Instant;
        var client = FreeClient();
        var outcome = _random.Below(100) switch { < 8 => RecordedOutcome.Aborted, < 12 => RecordedOutcome.Unknown, _ => RecordedOutcome.Committed };
        var hasEffect = outcome is RecordedOutcome.Committed || (outcome is RecordedOutcome.Unknown && _random.Chance(0.5));
        var began = Math.Max(_freeAt[client], _now - _random.Below(20 * Instant));
        _freeAt[client] = _now + 1 + _random.Below(20 * Instant);
        _history.Add(new RecordedTransaction($"c{client}", outcome, Operations(hasEffect)) { BeganAt = began, EndedAt = _freeAt[client] });
    }

    /// <summary>One that has ended its last transaction; time goes on until there is one.</summary>
    private int FreeClient()
    {
        var client = _random.Below(Clients);
        _now = Math.Max(_now, _freeAt[client] + 1);
        return client;
    }

    private ImmutableArray<MicroOperation> Operations(bool hasEffect)
    {
        _before.Clear();
        var operations = ImmutableArray.CreateBuilder<MicroOperation>();
        for (var left = _random.Between(1, 5); left > 0; left--)
        {
            var key = AnyKey();
            if (_random.Chance(0.5))
            {
                operations.Add(Read(key));
                continue;
            }

            if (!tellsVersions && IsRegister(key))
            {
                operations.Add(Read(key)); // that tells what came before
            }

            operations.Add(Write(key));
        }

        foreach (var (key, count) in hasEffect ? [] : _before)
        {
            _keys[key].RemoveRange(count, _keys[key].Count - count);
        }

        return operations.DrainToImmutable();
    }

    /// <summary>A key is used up after so many writes, so that what is read does not grow with the history.</summary>
    private string AnyKey()
    {
        _living.RemoveAll(key => _keys[key].Count >= WritesMax);
        while (_living.Count < LivingKeys)
        {
            var key = $"{(_random.Chance(0.5) ? "list" : "register")}/{_keys.Count}";
            _keys.Add(key, []);
            _living.Add(key);
        }

        return _living[_random.Below(LivingKeys)];
    }

    private static bool IsRegister(string key) => key.StartsWith('r');

    private MicroOperation Read(string key)
    {
        var values = _keys[key];
        return !IsRegister(key) ? new MicroOperation.ReadList(key, [.. values])
            : new MicroOperation.Read(key, values.Count == 0 ? null : values[^1], tellsVersions ? values.Count : null);
    }

    private MicroOperation Write(string key)
    {
        var values = _keys[key];
        _before.TryAdd(key, values.Count);
        values.Add(++_values);
        return IsRegister(key) ? new MicroOperation.Write(key, _values, tellsVersions ? values.Count : null) : new MicroOperation.Append(key, _values);
    }

    private void ReadAll()
    {
        var end = _freeAt.Max() + _now;
        _history.Add(new RecordedTransaction("last", RecordedOutcome.Committed, [.. _keys.Keys.Select(Read)]) { BeganAt = end, EndedAt = end + 1 });
    }
}
