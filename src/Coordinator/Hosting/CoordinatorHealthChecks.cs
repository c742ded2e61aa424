using Coordinator.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Coordinator.Hosting
{
    /// <summary>Ready: a transaction may begin here now. A standby is healthy but not ready, and neither is a host whose log store does not write.</summary>
    internal sealed class ReadinessCheck(TransactionEngine engine) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(context);
            return Task.FromResult(engine.NotReadyReason is { } reason
                ? new HealthCheckResult(context.Registration.FailureStatus, reason)
                : HealthCheckResult.Healthy());
        }
    }

    /// <summary>Alive: not in a state that only a restart ends. A store that is away, and standing by, are no reason to restart.</summary>
    internal sealed class LivenessCheck(TransactionEngine engine) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(context);
            return Task.FromResult(engine.IsEnded
                ? new HealthCheckResult(context.Registration.FailureStatus, engine.NotReadyReason)
                : HealthCheckResult.Healthy());
        }
    }
}

namespace Microsoft.Extensions.DependencyInjection
{
    /// <summary>Adds the coordinator's health checks.</summary>
    public static class CoordinatorHealthCheckExtensions
    {
        /// <summary>
        /// Adds the check <c>coordinator-ready</c> with the tag <c>ready</c> (unhealthy while no transaction may begin here: standing by, store
        /// outage, overload, stopping) and <c>coordinator-live</c> with the tag <c>live</c> (unhealthy when only a restart helps). Called again it
        /// adds nothing.
        /// </summary>
        /// <param name="builder">What AddHealthChecks returned.</param>
        public static IHealthChecksBuilder AddCoordinator(this IHealthChecksBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            if (builder.Services.Any(static service => service.ServiceType == typeof(HealthChecksAdded)))
            {
                return builder;
            }

            builder.Services.AddSingleton<HealthChecksAdded>();
            return builder
                .AddCheck<ReadinessCheck>("coordinator-ready", HealthStatus.Unhealthy, ["ready"])
                .AddCheck<LivenessCheck>("coordinator-live", HealthStatus.Unhealthy, ["live"]);
        }

        /// <summary>Stands in the services for the checks, whose names may be there only once.</summary>
        private sealed class HealthChecksAdded;
    }
}
