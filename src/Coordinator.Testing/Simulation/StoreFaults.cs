namespace Coordinator.Testing.Simulation;

/// <summary>What becomes of one write.</summary>
internal enum WriteFate : byte
{
    /// <summary>It is carried out and answered as it should be.</summary>
    Lands,

    /// <summary>It is carried out, and the answer says nothing for sure.</summary>
    LandsUnclear,

    /// <summary>It never arrives, and the answer says nothing for sure.</summary>
    Lost,

    /// <summary>The answer says nothing for sure, and it arrives later: perhaps under another owner.</summary>
    LandsLate,

    /// <summary>Its content is refused.</summary>
    Refused,

    /// <summary>It can't be written just now.</summary>
    TryAgain,

    /// <summary>It is rolled back as if a check had failed.</summary>
    CheckFails,

    /// <summary>No answer until it is given up.</summary>
    Stalls,
}

/// <summary>How often what goes wrong with a simulated store; shares of all calls.</summary>
internal sealed record StoreFaults
{
    /// <summary>Nothing goes wrong.</summary>
    public static StoreFaults None { get; } = new();

    /// <summary>Of writes, by fate.</summary>
    public double LandsUnclear { get; init; }

    /// <inheritdoc cref="LandsUnclear"/>
    public double Lost { get; init; }

    /// <inheritdoc cref="LandsUnclear"/>
    public double LandsLate { get; init; }

    /// <inheritdoc cref="LandsUnclear"/>
    public double Refused { get; init; }

    /// <inheritdoc cref="LandsUnclear"/>
    public double TryAgain { get; init; }

    /// <inheritdoc cref="LandsUnclear"/>
    public double CheckFails { get; init; }

    /// <inheritdoc cref="LandsUnclear"/>
    public double Stalls { get; init; }

    /// <summary>Of reads that fail.</summary>
    public double ReadFails { get; init; }

    /// <summary>Of snapshots that are lost when they are written.</summary>
    public double SnapshotLost { get; init; }

    /// <summary>Of reads of a snapshot that find the one before it.</summary>
    public double SnapshotOld { get; init; }

    /// <summary>Of reads of a snapshot that find a part of it.</summary>
    public double SnapshotTorn { get; init; }

    /// <summary>Of calls that take long.</summary>
    public double Slow { get; init; }

    /// <summary>How late a late write may arrive.</summary>
    public TimeSpan LateMax { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a slow call may take, each way.</summary>
    public TimeSpan SlowMax { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Draws the fate of one write.</summary>
    public WriteFate Draw(SeededRandom random)
    {
        var at = random.Share();
        return Falls(LandsUnclear) ? WriteFate.LandsUnclear
            : Falls(Lost) ? WriteFate.Lost
            : Falls(LandsLate) ? WriteFate.LandsLate
            : Falls(Refused) ? WriteFate.Refused
            : Falls(TryAgain) ? WriteFate.TryAgain
            : Falls(CheckFails) ? WriteFate.CheckFails
            : Falls(Stalls) ? WriteFate.Stalls
            : WriteFate.Lands;

        bool Falls(double share)
        {
            at -= share;
            return at < 0;
        }
    }
}

/// <summary>What the simulated server or its network says.</summary>
internal sealed class SimulatedStoreException(string message) : Exception(message);
