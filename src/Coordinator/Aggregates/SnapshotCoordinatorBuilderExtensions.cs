using Coordinator.Aggregates;
using Microsoft.Extensions.DependencyInjection;

namespace Coordinator;

/// <summary>Chooses the aggregates whose state is kept in snapshots.</summary>
public static class SnapshotCoordinatorBuilderExtensions
{
    /// <summary>
    /// Keeps snapshots of an aggregate, so that loading it costs one snapshot and a few events, however long its history is. They are
    /// written beside transactions and may be lost; the events stay what is true. To lose or to delete them costs only time.
    /// </summary>
    /// <typeparam name="T">
    /// The state. As JSON it must hold all that its Apply and its readers use: what is not serialized is lost, and nobody can see it.
    /// </typeparam>
    /// <param name="builder">What AddCoordinator returned.</param>
    /// <param name="name">Stored name of the state's type, for instance <c>bank.account</c>; 1 to 100 printable ASCII characters without blanks.</param>
    /// <param name="version">
    /// Stored version. Raise it with every change of the state or of Apply that would fold the same events to something else: snapshots
    /// of another version are not read and are replaced in time. Default 1.
    /// </param>
    /// <param name="every">After how many events beyond the last snapshot one is taken. Default 100.</param>
    /// <param name="serializer">Default: JSON as for events (<see cref="EventTypes.Json"/>).</param>
    public static CoordinatorBuilder AddSnapshots<T>(
        this CoordinatorBuilder builder, string name, int version = 1, int every = 100, ISnapshotSerializer<T>? serializer = null)
        where T : class, IAggregate<T>
    {
        ArgumentNullException.ThrowIfNull(builder);
        Action<SnapshotTypes> add = types => types.Add(name, version, every, serializer);
        builder.Services.AddSingleton(add);
        return builder;
    }
}
