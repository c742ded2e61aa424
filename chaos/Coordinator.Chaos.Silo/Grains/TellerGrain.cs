using Coordinator.Chaos.Silo.Twins;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Coordinator.Chaos.Silo.Grains;

[Alias("chaos.teller")]
internal interface ITellerGrain : IGrainWithIntegerKey
{
    /// <summary>
    /// Answers a request, as the silo's own service would. A silo that is being shut out has its calls placed on others: there nothing is begun, for nobody
    /// waits for what comes of it.
    /// </summary>
    [Alias("Answer")]
    [ResponseTimeout("00:10:00")] // a request is over when its work is over, and not before
    Task<string?> Answer(SiloAddress silo, string verb, string request, string rest);
}

/// <summary>Begins transactions as a grain does, on the silo that is asked: whose begins them also says so.</summary>
[StatelessWorker]
[Reentrant]
[GrainDirectory(TwinDirectory.Name)] // it is in none, and where the cluster's is away nobody need ask
internal sealed class TellerGrain(SiloWork work, ILocalSiloDetails local) : Grain, ITellerGrain
{
    public async Task<string?> Answer(SiloAddress silo, string verb, string request, string rest) =>
        silo.Equals(local.SiloAddress) ? await work.AnswerAsync(verb, request, rest) : "refused";
}
