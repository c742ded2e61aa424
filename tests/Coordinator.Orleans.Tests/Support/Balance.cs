namespace Coordinator.Orleans.Tests;

[GenerateSerializer]
[EventType("test.balance")]
public sealed class Balance
{
    [Id(0)]
    public long Value { get; set; }
}
