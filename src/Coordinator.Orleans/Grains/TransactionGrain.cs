using Coordinator.Hosting;
using Coordinator.Orleans.Links;
using Coordinator.Protocol;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.GrainDirectory;

namespace Coordinator.Orleans.Grains;

/// <summary>Finds who can answer for a transaction, and asks there.</summary>
[StatelessWorker]
[GrainDirectory(NoDirectory.Name)]
internal sealed partial class TransactionGrain(
    TransactionEngine engine, SiloLink link, CoordinatorServiceClient others, TransactionAnswers answers, ILogger<TransactionGrain> logger) : Grain, ITransactionGrain
{
    // Of an answer from memory. The log answers, too, and a call to a silo that has just died would last as long as the response time-out.
    private static readonly TimeSpan InquiryTimeout = TimeSpan.FromMilliseconds(500);

    /// <inheritdoc/>
    public Task<TransactionOutcome> Outcome() => AskAsync(static (service, id) => service.Outcome(id), id => answers.OutcomeAsync(id));

    /// <inheritdoc/>
    public Task<TransactionExplanation> Explain() => AskAsync(static (service, id) => service.Explain(id), id => answers.ExplainAsync(id));

    private async Task<T> AskAsync<T>(Func<ICoordinatorService, TransactionId, Task<T>> there, Func<TransactionId, Task<T>> here)
    {
        var id = IdOf(this.GetPrimaryKeyString());
        if (answers.OwnerOf(id) is { } silo && !silo.Equals(link.Local))
        {
            try
            {
                return await there(others.Of(silo), id).WaitAsync(InquiryTimeout, engine.Time).ConfigureAwait(true);
            }
            catch (Exception error) when (error is TimeoutException or OrleansException)
            {
                NotAnswered(logger, id, silo, error.Message);
            }
        }

        return await here(id).ConfigureAwait(true);
    }

    private static TransactionId IdOf(string key) => TransactionId.TryParse(key, null, out var id)
        ? id
        : throw new ArgumentException($"'{key}' is no transaction's id: the key of an {nameof(ITransactionGrain)} is the text of one.", nameof(key));

    [LoggerMessage(1503, LogLevel.Debug, "Silo {Silo}, which owns the shard of transaction {Transaction}, does not answer; the log is read instead. {Error}")]
    private static partial void NotAnswered(ILogger logger, TransactionId transaction, SiloAddress silo, string error);
}
