using Coordinator.Hosting;
using Coordinator.Orleans.Links;
using Coordinator.Protocol;
using Coordinator.Shards;

namespace Coordinator.Orleans.Grains;

/// <summary>What this silo knows of transactions.</summary>
internal sealed class TransactionAnswers(TransactionEngine engine, SiloLink link)
{
    public Task<TransactionOutcome> OutcomeAsync(TransactionId id) => engine.OutcomeOfAsync(id).AsTask();

    /// <summary>The silo whose engine coordinates it, or has the shard by now; null if this one does not know.</summary>
    public SiloAddress? OwnerOf(TransactionId id) => engine.ShardOf(id.Shard) is not null ? link.Local : link.AddressOf(engine.OwnerOf(id.Shard));

    /// <summary>Another silo knows more of it.</summary>
    public bool IsOfAnotherSilo(TransactionId id) => OwnerOf(id) is { } silo && !silo.Equals(link.Local);

    public async Task<TransactionExplanation> ExplainAsync(TransactionId id)
    {
        var live = engine.ShardOf(id.Shard) is { } shard ? await shard.LookAsync(id).ConfigureAwait(false) : null;
        var outcome = await engine.OutcomeOfAsync(id).ConfigureAwait(false);
        var decision = await engine.Store.FindDecisionAsync(id, CancellationToken.None).ConfigureAwait(false);
        return new TransactionExplanation
        {
            Id = id,
            Shard = id.Shard,
            Owner = OwnerOf(id)?.ToParsableString(),
            AnsweredBy = link.Local.ToParsableString(),
            Outcome = outcome,
            DecisionVersion = decision?.Version,
            Progress = live is null ? null : ProgressOf(live),
        };
    }

    private TransactionProgress ProgressOf(LiveTransaction live) => new()
    {
        Phase = live.State.Phase.ToString(),
        Age = live.Age,
        Participants = [.. live.State.Participants.Select(one => new ParticipantProgress
        {
            Participant = one.Participant.Address.Value,
            Silo = link.AddressOf(one.Incarnation.Host)?.ToParsableString(),
            Ballot = one.Ballot.ToString(),
        })],
        Cause = live.State.Cause,
    };
}
