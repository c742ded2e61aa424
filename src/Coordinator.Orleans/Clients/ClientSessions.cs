using System.Collections.Concurrent;
using System.Security.Cryptography;
using Coordinator.Client;
using Coordinator.Hosting;
using Coordinator.Orleans.Links;
using Coordinator.Orleans.Wire;
using Coordinator.Protocol;
using Polly;

namespace Coordinator.Orleans.Clients;

/// <summary>
/// The transactions of clients that were begun on this silo. Each is work of the engine that waits for the client's word, so keys, deadlines and outcomes are
/// those of any other. A client that never says it leaves the transaction to its deadline.
/// </summary>
internal sealed class ClientSessions(TransactionEngine engine, SiloLink link)
{
    private readonly ConcurrentDictionary<TransactionId, Session> _sessions = new();

    /// <summary>Begins a transaction, unless its key tells what became of the work before.</summary>
    public async Task<ClientBegun> BeginAsync(ClientTerms terms)
    {
        var begun = new TaskCompletionSource<Session>(TaskCreationOptions.RunContinuationsAsynchronously);
        var options = new TransactionOptions
        {
            Timeout = terms.Timeout,
            Mode = terms.IsOptimistic ? ConcurrencyMode.Optimistic : ConcurrencyMode.Pessimistic,
            Key = terms.Key,
            Age = terms.AgeTicks is { } ticks ? new TransactionAge(new DateTimeOffset(ticks, TimeSpan.Zero), terms.AgeFirst) : null,
            Reruns = ResiliencePipeline<TransactionOutcome>.Empty, // the client has the work, and runs it again
        };
        var run = engine.RunAsync(transaction => AwaitClientAsync((TransactionWork)transaction, begun), options);
        if (await Task.WhenAny(begun.Task, run).ConfigureAwait(false) == run && !begun.Task.IsCompleted)
        {
            return new ClientBegun { Home = link.Local, Outcome = await run.ConfigureAwait(false) };
        }

        var session = await begun.Task.ConfigureAwait(false);
        session.Outcome.SetResult(run);
        return new ClientBegun { Home = link.Local, Header = WireHeader.Of(session.Work.Header), Authority = session.Authority };
    }

    /// <summary>Ends a transaction. One that has ended already says what became of it.</summary>
    /// <exception cref="TransactionRefusedException">The authority is not the one that was given at the begin.</exception>
    public async Task<TransactionOutcome> EndAsync(TransactionId id, Guid authority, AbortCause? cause)
    {
        if (!_sessions.TryGetValue(id, out var session))
        {
            return await engine.OutcomeOfAsync(id).ConfigureAwait(false);
        }

        if (!CryptographicOperations.FixedTimeEquals(session.Authority.ToByteArray(), authority.ToByteArray()))
        {
            throw new TransactionRefusedException(id, $"Transaction {id} can be ended only by the client that began it.");
        }

        session.Word.TrySetResult(cause);
        return await (await session.Outcome.Task.ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async Task AwaitClientAsync(TransactionWork work, TaskCompletionSource<Session> begun)
    {
        var session = new Session(work, new Guid(RandomNumberGenerator.GetBytes(16)));
        using var deadline = new CancellationTokenSource(work.Header.Timeout, engine.Time);
        using var registration = deadline.Token.UnsafeRegister(
            static session => ((Session)session!).Word.TrySetResult(new AbortCause(AbortReason.Timeout, null, "the client did not say in time whether to commit")), session);
        // A call of the client to the silo that died may be out, and the client waits for it much longer than others should for the locks. It is told with its word.
        using var silence = engine.Silence.UnsafeRegister(
            static work => ((TransactionWork)work!).Doom(new AbortCause(AbortReason.Moved, null, "a silo fell silent while the client was at work")), work);
        _sessions[work.Id] = session;
        try
        {
            begun.SetResult(session);
            if (await session.Word.Task.ConfigureAwait(false) is { } cause)
            {
                work.Doom(cause);
            }
        }
        finally
        {
            _sessions.TryRemove(work.Id, out _);
        }
    }

    private sealed record Session(TransactionWork Work, Guid Authority)
    {
        /// <summary>What the client wants: null is to commit, a cause is not to.</summary>
        public TaskCompletionSource<AbortCause?> Word { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>What became of it, once it was begun.</summary>
        public TaskCompletionSource<Task<TransactionOutcome>> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
