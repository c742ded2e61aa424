namespace Coordinator.Protocol.Tests.Model;

/// <summary>
/// Numbers for immutable values, by a text that tells them apart (records compare their arrays by reference). 0 is null.
/// </summary>
internal sealed class Interned<T>(Func<T, string> key, int capacity)
    where T : notnull
{
    private readonly Dictionary<string, int> _numbers = [];
    private readonly List<T> _values = [default!];

    public T this[int number] => _values[number];

    public int NumberOf(T value)
    {
        var text = key(value);
        if (!_numbers.TryGetValue(text, out var number))
        {
            if (_values.Count == capacity)
            {
                throw new BoundExceededException(typeof(T).Name);
            }

            number = _values.Count;
            _numbers.Add(text, number);
            _values.Add(value);
        }

        return number;
    }
}
