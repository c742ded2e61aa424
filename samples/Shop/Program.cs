Console.WriteLine("No steps yet.");
