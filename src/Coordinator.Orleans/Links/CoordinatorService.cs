using Coordinator.Hosting;
using Coordinator.Orleans.Clients;
using Coordinator.Orleans.Grains;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Coordinator.Orleans.Links;

/// <summary>Hands what other silos send to this silo's engine.</summary>
[Reentrant]
internal sealed partial class CoordinatorService(
    GrainId id, Silo silo, SiloLink link, TransactionEngine engine, TransactionAnswers answers, ClientSessions sessions, ILoggerFactory loggers)
    : GrainService(id, silo, loggers), ICoordinatorService
{
    private readonly ILogger _logger = loggers.CreateLogger("Coordinator.Orleans");

    /// <inheritdoc/>
    public Task Deliver(HostBatch batch)
    {
        var from = link.Learn(batch.From);
        foreach (var message in batch.Messages)
        {
            try
            {
                engine.Receive(from, WireMapping.FromWire(message));
            }
            catch (FormatException fault)
            {
                // A number or a name of a newer version, during an upgrade. As if it had been lost: the others of the batch are worth no less. (A new kind of
                // message is a type that this version lacks: Orleans can't read such a batch, and all of it is lost.)
                Unread(_logger, message.Transaction, batch.From, fault.Message);
            }
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<TransactionOutcome> Outcome(TransactionId id) => answers.OutcomeAsync(id);

    /// <inheritdoc/>
    public Task<TransactionExplanation> Explain(TransactionId id) => answers.ExplainAsync(id);

    /// <inheritdoc/>
    public Task<TransactionOutcome> End(TransactionId id, Guid authority, AbortCause? cause) => sessions.EndAsync(id, authority, cause);

    [LoggerMessage(1501, LogLevel.Warning, "A message of transaction {Transaction} from silo {From} can't be read, and is dropped: {Fault}")]
    private static partial void Unread(ILogger logger, TransactionId transaction, SiloAddress from, string fault);
}
