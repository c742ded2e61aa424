using Coordinator.Chaos.Silo;

return await SiloVictim.RunAsync(args);
