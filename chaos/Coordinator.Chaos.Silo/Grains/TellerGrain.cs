using Coordinator.Chaos.Silo.Twins;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Coordinator.Chaos.Silo.Grains;

[Alias("chaos.teller")]
internal interface ITellerGrain : IGrainWithIntegerKey
{
    /// <summary>Answers a request, as the silo's own service would.</summary>
    [Alias("Answer")]
    [ResponseTimeout("00:10:00")] // a request is over when its work is over, and not before
    Task<string?> Answer(string verb, string request, string rest);
}

/// <summary>Begins transactions as a grain does, on the silo that is asked: whose begins them also says so.</summary>
[StatelessWorker]
[Reentrant]
[GrainDirectory(TwinDirectory.Name)] // it is in none, and where the cluster's is away nobody need ask
internal sealed class TellerGrain(SiloWork work) : Grain, ITellerGrain
{
    public Task<string?> Answer(string verb, string request, string rest) => work.AnswerAsync(verb, request, rest).AsTask();
}
