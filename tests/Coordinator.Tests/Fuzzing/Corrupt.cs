namespace Coordinator.Tests.Fuzzing;

/// <summary>What a decoder gives, or null where it says that the row can't be trusted.</summary>
internal static class Corrupt
{
    public static T? Or<T>(Func<T> decode)
        where T : class
    {
        try
        {
            return decode();
        }
        catch (LogCorruptException)
        {
            return null;
        }
    }
}
