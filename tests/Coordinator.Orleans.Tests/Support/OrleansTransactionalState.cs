namespace Orleans.Transactions.Abstractions;

/// <summary>Stands for the attribute of Orleans' own transactions, whose package nothing here needs.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class TransactionalStateAttribute : Attribute;
