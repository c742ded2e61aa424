namespace Orleans;

/// <summary>Stands for the attribute of Orleans' own transactions, which is in this namespace.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TransactionAttribute : Attribute;
