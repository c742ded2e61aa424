namespace Coordinator;

/// <summary>What to give to OpenTelemetry so that it listens. docs/telemetry.md lists all that it hears.</summary>
public static class CoordinatorTelemetry
{
    /// <summary>Name of the meter, for AddMeter.</summary>
    public const string MeterName = "Coordinator";

    /// <summary>Name of the activity source, for AddSource.</summary>
    public const string ActivitySourceName = "Coordinator";
}
