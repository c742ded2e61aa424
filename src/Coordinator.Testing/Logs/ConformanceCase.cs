using Coordinator.Log;
using Coordinator.Testing.Faults;

namespace Coordinator.Testing.Logs;

/// <summary>One promise of a log store and the code that tests it.</summary>
/// <param name="Name">The promise.</param>
/// <param name="RunAsync">Throws <see cref="ConformanceException"/> if it does not hold.</param>
internal sealed record ConformanceCase(string Name, Func<ILogStoreFixture, Task> RunAsync)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A store does not keep a promise.</summary>
public sealed class ConformanceException(string message) : Exception(message);

/// <summary>One log for one case, empty at first, and what the suite must be able to do to it.</summary>
internal interface ILogStoreFixture : IAsyncDisposable
{
    /// <summary>Makes a store over the fixture's log, not open yet. The one made before is closed by then: a restart.</summary>
    ILogStore Create();

    /// <summary>Where faults are armed for the writes of the store made last.</summary>
    IAppendFaults Faults { get; }

    /// <summary>Whether a stuck append is answered at once when it is given up, not only when the driver lets go.</summary>
    bool AnswersAbandonedAtOnce { get; }

    /// <summary>Whether hosts beat in this store; false where a lock shows who lives.</summary>
    bool HasBeats { get; }

    /// <summary>Damages one row behind the store's back.</summary>
    Task DamageAsync(RowKey key, RowDamage damage);

    /// <summary>Puts other bytes in the place of a snapshot's payload, behind the store's back.</summary>
    Task DamageSnapshotAsync(Protocol.StreamName stream);
}

/// <summary>What happens to a row that lies on a bad disk, or in the hands of somebody with an SQL prompt.</summary>
internal enum RowDamage : byte
{
    /// <summary>One bit of the payload is another.</summary>
    PayloadBit,

    /// <summary>The checksum is another.</summary>
    Checksum,

    /// <summary>The kind is one that this software does not know.</summary>
    UnknownKind,

    /// <summary>The row is of another transaction.</summary>
    Transaction,

    /// <summary>The name of the type has a NUL in it.</summary>
    NulInType,

    /// <summary>The payload says that a newer software wrote it (of the meta row), all else being right.</summary>
    NewerFormat,
}

/// <summary>What the cases assert with.</summary>
internal static class Expect
{
    /// <summary>Fails unless the two are equal.</summary>
    public static void Equal<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new ConformanceException($"{what}: expected {expected}, found {actual}.");
        }
    }

    /// <summary>Fails unless it holds.</summary>
    public static void True(bool condition, string what)
    {
        if (!condition)
        {
            throw new ConformanceException($"Does not hold: {what}.");
        }
    }

    /// <summary>Fails unless the answer is of this kind.</summary>
    public static void Answer(GroupAnswerKind expected, GroupAnswer actual, string what)
    {
        if (actual.Kind != expected)
        {
            throw new ConformanceException($"{what}: expected {expected}, the store answered {actual.Kind} ({actual.Error?.Message}).");
        }
    }

    /// <summary>Fails unless the action throws this.</summary>
    public static async Task<T> ThrowsAsync<T>(Func<Task> action, string what)
        where T : Exception
    {
        try
        {
            await action().ConfigureAwait(false);
        }
        catch (T error)
        {
            return error;
        }

        throw new ConformanceException($"{what}: expected {typeof(T).Name}, nothing was thrown.");
    }
}
