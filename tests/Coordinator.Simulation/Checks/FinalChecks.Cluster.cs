namespace Coordinator.Simulation;

/// <content>What a cluster owes when nothing goes wrong any more.</content>
internal sealed partial class FinalChecks
{
    /// <summary>
    /// Each host that has a share commits what it begins, wherever the work is (V1), also where it only reads, at the places of the accounts or at
    /// itself: no activation holds on to what is old.
    /// </summary>
    private async Task CheckServiceOfAllAsync()
    {
        foreach (var host in cluster.Hosts.Where(host => host.Engine!.OwnedCount > 0).ToList())
        {
            await CheckCommitsAsync(host, cluster.Workload.ProbeAsync, "write");
            await CheckCommitsAsync(host, cluster.Workload.ProbeReadsAsync, "read where each account has its place");
            await CheckCommitsAsync(host, cluster.Workload.ProbeOwnReadsAsync, "read at itself");
        }
    }

    private async Task CheckCommitsAsync(Host host, Func<Host, Task<bool>> probe, string what)
    {
        var attempts = AttemptsMax + cluster.Plan.Accounts; // of several activations that are behind each refusal names one
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            if (await probe(host))
            {
                return;
            }
        }

        Violate("V1", $"{host.Process!.Name} has a share of the shards and commits no transaction that would {what}, {attempts} times");
    }
}
