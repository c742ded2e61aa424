using Coordinator.Log;
using Coordinator.Orleans.Snapshots;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Storage;

namespace Coordinator;

/// <summary>What the coordinator may use of its silo.</summary>
public static class CoordinatorBuilderOrleansExtensions
{
    /// <summary>
    /// Keeps snapshots in a grain storage of the silo, and not in the log's database. It belongs to this log alone: a snapshot that another log has
    /// written is an alarm. Default: where the log's store keeps them.
    /// </summary>
    /// <param name="builder">What AddCoordinator returned.</param>
    /// <param name="name">The name of the storage, as given to AddAdoNetGrainStorage and its like; default that of the default storage.</param>
    public static CoordinatorBuilder UseGrainStorageForSnapshots(this CoordinatorBuilder builder, string name = "Default")
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        builder.Services.RemoveAll<ISnapshotStore>();
        builder.Services.AddSingleton<ISnapshotStore>(provider => new GrainStorageSnapshotStore(
            provider.GetKeyedService<IGrainStorage>(name) ?? throw new OrleansConfigurationException(
                $"{nameof(UseGrainStorageForSnapshots)} names the grain storage '{name}', and the silo has none of that name: add it to the silo, or name another.")));
        return builder;
    }
}
