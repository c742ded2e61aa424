namespace Coordinator;

/// <summary>placeholder</summary>
[Alias("coordinator.transaction.v1")]
public interface ITransactionGrain : IGrainWithStringKey
{
}
